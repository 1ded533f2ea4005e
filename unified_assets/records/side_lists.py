"""Plain lists of file names, one a line, called by a side (`ImageSets/Main/train.txt`), in; the side of each file that they name out."""

from collections import defaultdict

import polars as pl

from unified_assets.core.contracts import LakeView
from unified_assets.records.names import parent, side_of_folder, stem
from unified_assets.records.places import MediaIndex, ancestors

NAMED = 0.8  # of the lines name a file of the lake
MIN_LINES = 4
LIST_BYTES = 16 << 20


def listed_sides(view: LakeView) -> dict[str, str]:
    """Path → side. Only where lists of at least two sides lie together; a file on lists of two sides is on neither."""
    lists: dict[str, list[tuple[str, str]]] = defaultdict(list)
    plain = view.files.filter((pl.col("modality") == "text") & (pl.col("size_bytes") <= LIST_BYTES))
    for path in plain["path"].sort():
        side = side_of_folder(stem(path)) if path.lower().endswith((".txt", ".lst")) else None
        if side is not None:
            lists[parent(path)].append((path, side))
    together = {folder: found for folder, found in lists.items() if len({side for _, side in found}) > 1}
    if not together:
        return {}
    index = MediaIndex.of(view.files)
    sides: dict[str, set[str]] = defaultdict(set)
    for folder, found in together.items():
        for path, side in found:
            lines = [line.split()[0] for line in view.text(path).text.splitlines() if line.strip()]
            named = [_files(line, folder, index) for line in lines]
            if len(lines) >= MIN_LINES and sum(map(bool, named)) >= NAMED * len(lines):
                for files in named:
                    for file in files:
                        sides[file].add(side)
    return {file: next(iter(found)) for file, found in sides.items() if len(found) == 1}


def _files(name: str, folder: str, index: MediaIndex) -> list[str]:
    """The media files of a name or stem, in the nearest folder around the list that holds any."""
    exact = index.resolve(name, folder)
    if exact is not None:
        return [exact]
    known = index.by_name.get(name.rpartition("/")[2], ())
    for root in ancestors(folder):
        near = [path for path in known if not root or path.startswith(f"{root}/")]
        if near:
            return near
    return []
