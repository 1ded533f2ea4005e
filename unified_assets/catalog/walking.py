"""A raw root in; path, size, time and kind of everything below it out. Links are listed, never followed; nothing is opened."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import polars as pl

from unified_assets.core.paths import encode_path

SCHEMA = {
    "path": pl.String(),
    "size_bytes": pl.Int64(),
    "mtime_ns": pl.Int64(),
    "inode": pl.UInt64(),
    "media_type": pl.String(),  # inode/… for what is no regular file, else null
    "reason": pl.String(),  # why it cannot be read, else null
}
_KINDS = {
    stat.S_IFLNK: ("inode/symlink", "link"),
    stat.S_IFIFO: ("inode/fifo", "not_regular"),
    stat.S_IFSOCK: ("inode/socket", "not_regular"),
    stat.S_IFCHR: ("inode/chardevice", "not_regular"),
    stat.S_IFBLK: ("inode/blockdevice", "not_regular"),
}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
Row = tuple[str, int, int, int, str | None, str | None]


def walk(root: Path, ignored: Callable[[str, str], bool], *, besides: Path | None = None) -> pl.DataFrame:
    """One row for every path that is no folder, and for each folder that cannot be listed. `besides` is left out (the state folder)."""
    rows: list[Row] = []
    spared = _identity(besides)
    folders = [b""]
    while folders:
        folder = folders.pop()
        try:
            _list(root, folder, ignored, rows, folders, spared=spared)
        except OSError as error:
            if not folder:
                raise
            rows.append((encode_path(folder), 0, 0, 0, "inode/directory", _problem(error)))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("path")


def _list(root: Path, folder: bytes, ignored: Callable[[str, str], bool], rows: list[Row], folders: list[bytes], *, spared: tuple[int, int] | None) -> None:
    descriptor = os.open(root / os.fsdecode(folder) if folder else root, _FOLDER if folder else _FOLDER & ~os.O_NOFOLLOW)
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                path = folder + b"/" + name if folder else name
                shown = encode_path(path)
                if ignored(shown, shown.rpartition("/")[2]):
                    continue
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # removed while we looked
                if stat.S_ISDIR(facts.st_mode):
                    if (facts.st_dev, facts.st_ino) != spared:
                        folders.append(path)
                    continue
                media_type, reason = _KINDS.get(stat.S_IFMT(facts.st_mode), (None, None))
                rows.append((shown, facts.st_size, facts.st_mtime_ns, facts.st_ino, media_type, reason))
    finally:
        os.close(descriptor)


def _identity(folder: Path | None) -> tuple[int, int] | None:
    try:
        facts = folder.stat() if folder is not None else None
    except OSError:
        return None
    return None if facts is None else (facts.st_dev, facts.st_ino)


def _problem(error: OSError) -> str:
    return {PermissionError: "no_permission", FileNotFoundError: "not_found"}.get(type(error), "name_too_long" if error.errno == 36 else "io_error")
