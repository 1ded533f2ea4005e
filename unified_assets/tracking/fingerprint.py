"""A raw folder in; one fingerprint a modality out, from names, sizes and times alone (about 400,000 files a second)."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What a modality's files look like from outside. `newest` is the latest modification, in seconds since the epoch."""

    digest: str
    files: int
    newest: float


def raw_fingerprints(raw: Path, modality_of: Mapping[str, str]) -> dict[str, Fingerprint]:
    """A fingerprint for each modality by file extension (`modality_of`), the rest under `other`. Hidden names are left out.

    It only has to change when the files change; what a file really is, the catalog says.
    """
    return _by_modality(_walk(os.fsencode(raw), b""), modality_of)


def fingerprints(files: Iterable[tuple[str, int, int]], modality_of: Mapping[str, str]) -> dict[str, Fingerprint]:
    """The same of files that are only listed: path, size in bytes, modification in ns."""
    shown = ((os.fsencode(path), size, changed) for path, size, changed in files if not any(part.startswith(".") for part in path.split("/")))
    return _by_modality(shown, modality_of)


def _by_modality(files: Iterable[tuple[bytes, int, int]], modality_of: Mapping[str, str]) -> dict[str, Fingerprint]:
    rows: dict[str, list[tuple[bytes, int, int]]] = {name: [] for name in (*sorted(set(modality_of.values())), "other")}
    for path, size, mtime_ns in files:
        extension = os.fsdecode(path.rpartition(b".")[2]).lower() if b"." in path else ""
        rows[modality_of.get(extension, "other")].append((path, size, mtime_ns))
    return {name: _fingerprint(found) for name, found in rows.items()}


def raw_digest(raw: Path) -> str:
    """One digest of all files of a raw folder."""
    return raw_fingerprints(raw, {})["other"].digest


def _fingerprint(rows: list[tuple[bytes, int, int]]) -> Fingerprint:
    digest = hashlib.blake2b(digest_size=16)
    for path, size, mtime_ns in sorted(rows):
        digest.update(b"%d:%b:%d:%d;" % (len(path), path, size, mtime_ns))
    return Fingerprint(digest=digest.hexdigest(), files=len(rows), newest=max((row[2] for row in rows), default=0) / 1e9)


def _walk(root: bytes, relative: bytes) -> Iterator[tuple[bytes, int, int]]:
    try:
        entries = list(os.scandir(root + b"/" + relative if relative else root))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(b"."):
            continue
        path = relative + b"/" + entry.name if relative else entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, path)
            elif not entry.is_symlink():
                found = entry.stat(follow_symlinks=False)
                yield path, found.st_size, found.st_mtime_ns
        except OSError:
            continue
