"""Catalog rows in; which file is a byte-for-byte copy of which out. A hash alone can be forged, so bytes are compared."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import polars as pl

from unified_assets import files
from unified_assets.core.errors import UnreadableFile

CHUNK = 1 << 20


def copies(root: Path, catalog: pl.DataFrame) -> tuple[dict[str, str], frozenset[str]]:
    """(path → the first path with the same bytes, file_ids under which different contents were found).

    Files of no bytes are left out: they are no copies of each other but empty.
    """
    grouped = (
        catalog.filter((pl.col("status") == "ok") & pl.col("file_id").is_not_null() & (pl.col("size_bytes") > 0))
        .sort("path")
        .group_by("file_id", "size_bytes", maintain_order=True)
        .agg("path")
    )
    found: dict[str, str] = {}
    contents: dict[str, int] = {}
    for file_id, _, paths in grouped.iter_rows():
        firsts: list[str] = []
        for path in paths:
            same = next((first for first in firsts if same_bytes(root, first, path)), None)
            if same is None:
                firsts.append(path)
            else:
                found[path] = same
        contents[file_id] = contents.get(file_id, 0) + len(firsts)
    return found, frozenset(file_id for file_id, count in contents.items() if count > 1)


def same_bytes(root: Path, one: str, other: str) -> bool:
    """Whether two files below the root hold the same bytes. A file that cannot be read is the same as none."""
    try:
        with files.open_regular(root, one) as left, files.open_regular(root, other) as right:
            return all(a == b for a, b in _chunks(left, right))
    except (UnreadableFile, OSError):
        return False


def _chunks(left: BinaryIO, right: BinaryIO) -> Iterable[tuple[bytes, bytes]]:
    while True:
        a, b = left.read(CHUNK), right.read(CHUNK)
        yield a, b
        if not a or not b:
            return
