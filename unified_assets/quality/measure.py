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
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from unified_assets import files
from unified_assets.core import plugins
from unified_assets.core.media import Decoded, DecodedAudio, DecodedDocument, DecodedImage, DecodedText, DecodedVideo
from unified_assets.formats.pictures import averaged, middle, reduction
from unified_assets.pages.pictures import spectrogram, waveform
from unified_assets.quality import alignment, candidates, similarity, sounds, texts

PREVIEW_SIDE = 160
PREVIEW_CHARACTERS = 400
VERSION = "3"  # of what this file does besides calling the checks


class Item(NamedTuple):
    """What a worker needs to know of a file."""

    path: str
    modality: str
    media_type: str


class Measured(NamedTuple):
    """What a worker found: (check, value, detail) for each check; what tells near duplicates of an image, a text or a sound."""

    values: list[tuple[str, float, str]]
    signature: bytes | None = None


def measure_file(item: Item, *, root: Path) -> Measured:
    """Decode once, run every check of the modality. Raises what the decoder raises."""
    return measure_decoded(glance(item, root=root), item.modality, item.media_type)


def glance(item: Item, *, root: Path) -> Decoded:
    """Decode as much of a file as judging it needs."""
    with files.open_regular(root, item.path) as stream:
        return glance_stream(stream, item.modality, item.media_type)


def glance_stream(stream: BinaryIO, modality: str, media_type: str) -> Decoded:
    """Decode as much of an open, seekable stream as judging it needs."""
    plugin = plugins.modalities().get(modality)
    if plugin is None or plugin.glance is None:
        return files.decode_stream(stream, modality, media_type)
    return plugin.glance(stream, media_type)


def measure_decoded(decoded: Decoded, modality: str, media_type: str) -> Measured:
    """Run every check of the modality on what was decoded."""
    decoded = reduced(decoded)
    if isinstance(decoded, DecodedText):
        decoded = replace(decoded, media_type=media_type)
    values = []
    for check in plugins.checks(modality):
        value, detail = check.measure(decoded)
        values.append((check.name, float(value), detail))
    return Measured(values, signature_of(decoded))


def signature_of(decoded: Decoded) -> bytes | None:
    """What tells near duplicates of an image, a text or a sound; None where there is too little to tell."""
    if isinstance(decoded, DecodedImage):
        return similarity.signature(decoded.pixels) if decoded.pixels.size else None
    if isinstance(decoded, DecodedText):
        return texts.signature(decoded.words)
    return sounds.signature(decoded) if isinstance(decoded, DecodedAudio) else None


def reduced(decoded: Decoded) -> Decoded:
    """An image averaged down by a whole factor; everything else as it is. Quality shows at the size networks see, too."""
    if not isinstance(decoded, DecodedImage) or not decoded.pixels.size:
        return decoded
    factor = reduction(decoded.pixels.shape[1], decoded.pixels.shape[0])
    if factor < 2:
        return decoded
    return replace(decoded, pixels=averaged(decoded.pixels, factor), detail=middle(decoded.pixels))


def preview_file(item: Item, *, root: Path) -> np.ndarray | str:
    """What a person can look at: (height, width, 3) uint8 pixels of at most PREVIEW_SIDE, or the beginning of a text."""
    return preview(glance(item, root=root))


def preview(decoded: Decoded) -> np.ndarray | str:
    """Image or first page or middle frame as pixels; audio as a drawing of its wave over its spectrogram; text as its beginning."""
    if isinstance(decoded, DecodedText):
        return decoded.text[:PREVIEW_CHARACTERS]
    if isinstance(decoded, DecodedAudio):
        return _drawn(decoded)
    if isinstance(decoded, DecodedVideo):
        return _small(decoded.frames[len(decoded.frames) // 2]) if len(decoded.frames) else ""
    if isinstance(decoded, DecodedDocument):
        images = [page.image for page in decoded.pages if page.image is not None and page.image.size]
        return _small(images[0]) if images else decoded.text[:PREVIEW_CHARACTERS]
    return _small(decoded.pixels) if decoded.pixels.size else ""


def versions() -> dict[str, str]:
    """For each modality a hash that changes when its decoder or one of its checks does (sources, thresholds left out)."""
    return {name: _version(name, modality.decode if modality.glance is None else modality.glance) for name, modality in plugins.modalities().items()}


def _version(name: str, decode: object) -> str:
    found = hashlib.sha256(VERSION.encode())
    for module in (alignment, candidates, similarity, sounds, texts):
        found.update(inspect.getsource(module).encode())
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


def _drawn(audio: DecodedAudio, window: int = 256) -> np.ndarray:
    """(112, 160, 3) uint8: the wave, and under it 60 dB of its spectrogram up to half the sample rate."""
    mono = np.pad(audio.mono, (0, max(0, window - len(audio.samples))))
    starts = np.linspace(0, len(mono) - window, PREVIEW_SIDE).astype(np.intp)
    frames = mono[starts[:, None] + np.arange(window)[None, :]] * np.hanning(window).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    levels = 10 * np.log10(np.maximum(power / max(float(power.max()), 1e-12), 1e-9))
    return np.concatenate([waveform(audio.mono), spectrogram(1 + levels / 60)])
