"""One catalogued file in; the value of each check of its modality, and what tells near duplicates, out.

Runs inside guarded worker processes: everything here may meet a hostile file.
"""

import hashlib
import inspect
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
from PIL import Image

from unified_assets import files
from unified_assets.core import plugins
from unified_assets.core.media import Decoded, DecodedAudio, DecodedDocument, DecodedImage, DecodedText, DecodedVideo
from unified_assets.quality import similarity

REDUCED_SIDE = 512  # images are averaged down while their longer side stays at least this long
PREVIEW_SIDE = 160
PREVIEW_CHARACTERS = 400
RENDERED = frozenset({"application/pdf"})  # pages of other documents are drawn from their layout
VERSION = "1"  # of what this file does besides calling the checks


class Item(NamedTuple):
    """What a worker needs to know of a file."""

    path: str
    modality: str
    media_type: str


class Measured(NamedTuple):
    """What a worker found: (check, value, detail) for each check; the hash and signature of an image."""

    values: list[tuple[str, float, str]]
    hash: int | None = None
    signature: bytes | None = None


def measure_file(item: Item, *, root: Path) -> Measured:
    """Decode once, run every check of the modality. Raises what the decoder raises."""
    decoded = reduced(files.decode(root, item.path, item.modality, item.media_type))
    if isinstance(decoded, DecodedDocument):
        decoded = replace(decoded, drawn=decoded.drawn or item.media_type not in RENDERED)
    values = []
    for check in plugins.checks(item.modality):
        value, detail = check.measure(decoded)
        values.append((check.name, float(value), detail))
    if isinstance(decoded, DecodedImage) and decoded.pixels.size:
        signature = similarity.signature(decoded.pixels)
        return Measured(values, similarity.perceptual_hash(signature), signature)
    return Measured(values)


def reduced(decoded: Decoded) -> Decoded:
    """An image averaged down by a whole factor; everything else as it is. Quality shows at the size networks see, too."""
    if not isinstance(decoded, DecodedImage):
        return decoded
    factor = max(decoded.pixels.shape[:2], default=0) // REDUCED_SIDE
    factor = min(factor, max(min(decoded.pixels.shape[:2]) // 32, 1)) if factor else factor
    if factor < 2:
        return decoded
    pixels = np.asarray(Image.fromarray(np.ascontiguousarray(decoded.pixels)).reduce(factor))
    return DecodedImage(pixels=pixels, original_width=decoded.original_width, original_height=decoded.original_height)


def preview_file(item: Item, *, root: Path) -> np.ndarray | str:
    """What a person can look at: (height, width, 3) uint8 pixels of at most PREVIEW_SIDE, or the beginning of a text."""
    return preview(files.decode(root, item.path, item.modality, item.media_type))


def preview(decoded: Decoded) -> np.ndarray | str:
    """Image or first page or middle frame as pixels; audio as samples (frames,) to draw; text as its beginning."""
    if isinstance(decoded, DecodedText):
        return decoded.text[:PREVIEW_CHARACTERS]
    if isinstance(decoded, DecodedAudio):
        return _envelope(decoded.mono)
    if isinstance(decoded, DecodedVideo):
        return _small(decoded.frames[len(decoded.frames) // 2]) if len(decoded.frames) else ""
    if isinstance(decoded, DecodedDocument):
        images = [page.image for page in decoded.pages if page.image is not None and page.image.size]
        return _small(images[0]) if images else decoded.text[:PREVIEW_CHARACTERS]
    return _small(decoded.pixels) if decoded.pixels.size else ""


def versions() -> dict[str, str]:
    """For each modality a hash that changes when its decoder or one of its checks does (sources, thresholds left out)."""
    return {name: _version(name, modality.decode) for name, modality in plugins.modalities().items()}


def _version(name: str, decode: object) -> str:
    found = hashlib.sha256(VERSION.encode())
    modules = {module.__name__: module for function in (decode, *(check.measure for check in plugins.checks(name))) for module in _behind(function)}
    for module_name in sorted(modules):
        found.update(inspect.getsource(modules[module_name]).encode())
    return found.hexdigest()[:16]


def _behind(function: object) -> Iterable[ModuleType]:
    """The module of a function and those of the same package that it leans on, directly or not; the vocabulary left out."""
    start = getattr(function, "__module__", __name__)
    package = start.partition(".")[0] + "."
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name in seen or (name != start and not name.startswith(package)) or name.startswith("unified_assets.core.") or name not in sys.modules:
            continue
        seen.add(name)
        values = vars(sys.modules[name]).values()
        waiting.extend(value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", "")) for value in values)
    return [sys.modules[name] for name in seen]


def _small(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BOX)
    return np.asarray(image)


def _envelope(mono: np.ndarray, columns: int = 160) -> np.ndarray:
    """(2 * columns,) float32: lowest and highest sample of each column, in turn."""
    parts = np.array_split(mono, columns) if len(mono) >= columns else [mono]
    return np.array([edge for part in parts if len(part) for edge in (part.min(), part.max())], np.float32)
