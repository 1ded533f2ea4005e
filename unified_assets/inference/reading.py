"""What a caller hands over (path, bytes, text, dict of roles) → the encoded roles a model can use, read in a guarded worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.compute.workers import WorkerPool
from unified_assets.core import plugins
from unified_assets.core.contracts import Encoder, ModelSpec
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import Decoded, DecodedDocument, DecodedText
from unified_assets.core.paths import encode_path

FILE_BYTES = 1 << 30  # a larger file is refused before it is read
TEXT_LIMIT = 20_000
TIMEOUT_S, MEMORY_MIB = 60.0, 2048
OPTIONS = ("option", "options")
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class FileBelow:
    """A file named by somebody who may read nothing but what lies below `root`. path: as `encode_path` writes it; no link is followed from there."""

    root: Path
    path: str


File = Path | FileBelow | bytes
Value = File | str


@dataclass(kw_only=True)
class Reading:
    """One item as a model sees it. media: role → arrays; texts: role → text, `text` also for a bare one; error: why it cannot be used."""

    media: dict[str, Arrays] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    error: str | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file to read for one item. role None: whatever roles the file can fill."""

    item: int
    role: str | None
    value: File


def read_items(spec: ModelSpec, items: Sequence[Any]) -> list[Reading]:
    """One reading an item, in order. A file that crashes, hangs or fills the memory of its reader becomes an error like any other."""
    readings, parts = [Reading() for _ in items], list[Part]()
    for index, item in enumerate(items):
        for role, value in _named(spec, item, readings[index]):
            if isinstance(value, str):
                readings[index].texts[role or "text"] = value
            else:
                parts.append(Part(item=index, role=role, value=value))
    if parts:
        function = partial(read_part, encoders=dict(spec.encoders), derived=dict(spec.derived))
        with WorkerPool(function, workers=min(2, len(parts)), timeout_s=TIMEOUT_S, memory_mib=MEMORY_MIB) as pool:
            for outcome in pool.map(parts):
                reading = readings[parts[outcome.index].item]
                if outcome.reason is not None:
                    reading.error, reading.detail = outcome.reason, outcome.detail
                else:
                    reading.media.update(outcome.value[0])
                    reading.texts.update(outcome.value[1])
    return readings


def _named(spec: ModelSpec, item: Any, reading: Reading) -> list[tuple[str | None, Value]]:
    """(role, value) of an item; options and errors go straight into the reading."""
    if isinstance(item, UnreadableFile):
        reading.error, reading.detail = item.reason, item.detail
        return []
    if isinstance(item, Path | FileBelow | bytes | str):
        return [(None, item)]
    if isinstance(item, bytearray | memoryview):
        return [(None, bytes(item))]
    if not isinstance(item, Mapping):
        reading.error, reading.detail = "not_an_item", f"{type(item).__name__} is no path, bytes, text or dict of roles"
        return []
    found: list[tuple[str | None, Value]] = []
    for role, value in item.items():
        if role in OPTIONS:
            reading.options += [value] if isinstance(value, str) else [str(option) for option in value]
        elif not isinstance(value, Path | FileBelow | bytes | str):
            found.append((str(role), str(value)))
        elif role == "path":
            found.append((None, Path(value) if isinstance(value, str) else value))
        else:
            found.append((str(role), Path(value) if isinstance(value, str) and role in spec.encoders else value))
    return found


def read_part(part: Part, *, encoders: Mapping[str, Encoder], derived: Mapping[str, str]) -> tuple[dict[str, Arrays], dict[str, str]]:
    """Decode a file and fill the role asked for, or every role it can. Runs in a worker; raises UnreadableFile."""
    from unified_assets import files

    data, name = (part.value, "") if isinstance(part.value, bytes) else _read(part.value)
    modality, _, decoded = files.decode_bytes(data, name)
    if part.role is not None and part.role in encoders:
        return {part.role: dict(encoders[part.role].encode(decoded, None))}, {}
    if part.role is not None:
        return {}, {part.role: _text(decoded)}
    return _everything(modality, decoded, encoders, derived)


def _everything(modality: str, decoded: Decoded, encoders: Mapping[str, Encoder], derived: Mapping[str, str]) -> tuple[dict[str, Arrays], dict[str, str]]:
    roles = {role for role, encoder in encoders.items() if encoder.view.partition(".")[0] == modality}
    roles |= {role for view, role in derived.items() if view in {"document.page", "video.frames", "video.sound"} and view.partition(".")[0] == modality}
    media, texts, problem = dict[str, Arrays](), dict[str, str](), UnreadableFile("no_use", f"this model takes nothing of a file of modality {modality}")
    for role in sorted(roles & set(encoders)):
        try:
            media[role] = dict(encoders[role].encode(decoded, None))
        except UnreadableFile as error:
            problem = error
    if isinstance(decoded, DecodedDocument | DecodedText):
        try:
            texts["text"] = _text(decoded)
        except UnreadableFile as error:
            problem = error
    if not media and not texts:
        raise problem
    return media, texts


def _text(decoded: Decoded) -> str:
    text = decoded.text if isinstance(decoded, DecodedDocument | DecodedText) else ""
    if not text.strip():
        raise UnreadableFile("no_text", f"a {type(decoded).__name__} without text")
    return text[:TEXT_LIMIT]


def _read(file: Path | FileBelow) -> tuple[bytes, str]:
    """The bytes of a regular file, and its name. A link in a path the caller gave is the caller's own; FIFOs and devices are refused."""
    from unified_assets import files

    if isinstance(file, FileBelow):
        root, path, name = file.root, file.path, file.path.rpartition("/")[2]
    else:
        try:
            real = file.resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise UnreadableFile("not_found", str(error)) from error
        root, path, name = real.parent, encode_path(real.name.encode("utf-8", "surrogateescape")), file.name
    with files.open_regular(root, path) as stream:
        data = stream.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise UnreadableFile("too_large", f"more than {FILE_BYTES} bytes")
    return data, name


def names_a_file(text: str) -> bool:
    """Whether a text that may name nothing was meant to: one word with the extension of a file."""
    extensions = {extension for modality in plugins.modalities().values() for extension in modality.extensions}
    return not any(character.isspace() for character in text) and Path(text).suffix.lower().removeprefix(".") in extensions
