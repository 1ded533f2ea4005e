"""A raw root in; path, size, time and kind of everything below it out. Links are listed, never followed; nothing is opened."""

import os
import stat
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
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
_NUMBERS = ("size_bytes", "mtime_ns", "inode")
_KINDS = {
    stat.S_IFLNK: ("inode/symlink", "link"),
    stat.S_IFIFO: ("inode/fifo", "not_regular"),
    stat.S_IFSOCK: ("inode/socket", "not_regular"),
    stat.S_IFCHR: ("inode/chardevice", "not_regular"),
    stat.S_IFBLK: ("inode/blockdevice", "not_regular"),
}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TYPE, _REGULAR, _DIRECTORY = 0o170000, stat.S_IFREG, stat.S_IFDIR
Ignored = Callable[[str, str], bool]


class _Columns:
    """What was found, a column at a time: a million paths in eight bytes a number."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.sizes, self.times, self.inodes = array("q"), array("q"), array("Q")
        self.odd: dict[int, tuple[str, str]] = {}  # row -> (media type, reason)

    def add(self, path: str, facts: os.stat_result | None, oddity: tuple[str, str] | None) -> None:
        """One path that is no plain file, or cannot be looked at."""
        if oddity is not None:
            self.odd[len(self.paths)] = oddity
        self.paths.append(path)
        self.sizes.append(facts.st_size if facts else 0)
        self.times.append(facts.st_mtime_ns if facts else 0)
        self.inodes.append(facts.st_ino if facts else 0)

    def frame(self) -> pl.DataFrame:
        """The columns as a table, in path order."""
        odd: tuple[list[str | None], list[str | None]] = ([None] * len(self.paths), [None] * len(self.paths))
        for row, (media_type, reason) in self.odd.items():
            odd[0][row], odd[1][row] = media_type, reason
        numbers = {name: np.frombuffer(column, column.typecode) for name, column in zip(_NUMBERS, (self.sizes, self.times, self.inodes), strict=True)}
        return pl.DataFrame({"path": self.paths, **numbers, "media_type": odd[0], "reason": odd[1]}, schema=SCHEMA).sort("path")


def walk(root: Path, ignored: Ignored, *, besides: Path | None = None) -> pl.DataFrame:
    """One row for every path that is no folder, and for each folder that cannot be listed. `besides` is left out (the state folder)."""
    found = _Columns()
    spared = _identity(besides)
    folders = [b""]
    while folders:
        folder = folders.pop()
        try:
            _list(root, folder, ignored, found, folders, spared=spared)
        except OSError as error:
            if not folder:
                raise
            found.add(encode_path(folder), None, ("inode/directory", _problem(error)))
    return found.frame()


def _list(root: Path, folder: bytes, ignored: Ignored, found: _Columns, folders: list[bytes], *, spared: tuple[int, int] | None) -> None:
    descriptor = os.open(root / os.fsdecode(folder) if folder else root, _FOLDER if folder else _FOLDER & ~os.O_NOFOLLOW)
    prefix = encode_path(folder) + "/" if folder else ""
    paths, sizes, times, inodes = found.paths.append, found.sizes.append, found.times.append, found.inodes.append
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = entry.name
                shown = name if name.isascii() and "\\" not in name else encode_path(os.fsencode(name))
                path = prefix + shown
                if ignored(path, shown):
                    continue
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # removed while we looked
                kind = facts.st_mode & _TYPE
                if kind == _REGULAR:
                    paths(path)
                    sizes(facts.st_size)
                    times(facts.st_mtime_ns)
                    inodes(facts.st_ino)
                elif kind != _DIRECTORY:
                    found.add(path, facts, _KINDS.get(kind, ("application/octet-stream", "not_regular")))
                elif (facts.st_dev, facts.st_ino) != spared:
                    raw = os.fsencode(name)
                    folders.append(folder + b"/" + raw if folder else raw)
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
