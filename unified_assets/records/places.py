"""The usable files of a lake in; where they lie, by modality and folder, and which of them a record names out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from unified_assets.core.contracts import LakeView, Records
from unified_assets.records.columns import Column, columns
from unified_assets.records.names import declared_split, extension, parent, side_of_folder, stem, without_splits
from unified_assets.records.parsing import FORMS, form_of

MEDIA = ("image", "audio", "video", "document")
ROLE_OF = {"image": "image", "audio": "audio", "video": "video", "document": "page", "text": "text"}
PROSE = frozenset({"text/plain", "text/markdown", "text/html", "text/x-markdown"})
LIKE_PROSE = frozenset({"application/yaml"})  # what a letter with a head may look like
PROSE_NAMES = frozenset({"", "txt", "text", "md", "markdown"})
MOST_RUNS = 100_000  # media files below a record file whose names are taken apart
RECORD_EXTENSIONS = frozenset(FORMS)


@dataclass(frozen=True, kw_only=True)
class Place:
    """One file: its path, its folder without split levels, and the side its folders declare."""

    path: str
    modality: str
    folder: str
    split: str | None


def places(files: pl.DataFrame, *modalities: str) -> Iterator[Place]:
    """Files of these modalities in path order; of text, only prose."""
    rows = files.filter(pl.col("modality").is_in(modalities)).select("path", "modality", "media_type").sort("path").rows()
    found = [(path, modality) for path, modality, media_type in rows if modality != "text" or is_prose(path, media_type)]
    vehicles = _trains_among_classes(parent(path) for path, _ in found)
    for path, modality in found:
        folder = parent(path)
        if folder in vehicles:
            above = parent(folder)
            yield Place(path=path, modality=modality, folder=f"{without_splits(above)}/{folder.rpartition('/')[2]}".lstrip("/"), split=declared_split(folder))
        else:
            yield Place(path=path, modality=modality, folder=without_splits(folder), split=declared_split(path))


def _trains_among_classes(folders: Iterable[str]) -> frozenset[str]:
    """Folders called `train` beside two other folders of files and no test folder: cars, planes and trains."""
    known = set(folders)
    inside: dict[str, list[str]] = defaultdict(list)
    for folder in known:
        inside[parent(folder)].append(folder.rpartition("/")[2])
    return frozenset(
        f"{above}/train".lstrip("/")
        for above, names in inside.items()
        if "train" in names and sum(side_of_folder(name) is None for name in names) >= 2 and {side_of_folder(name) for name in names} <= {None, "train"}
    )


def is_prose(path: str, media_type: str) -> bool:
    """Whether a text file is prose rather than records."""
    ending = extension(path)
    return (media_type in PROSE and ending not in RECORD_EXTENSIONS) or (media_type in LIKE_PROSE and ending in PROSE_NAMES)


def by_folder(found: Iterable[Place]) -> dict[str, list[Place]]:
    """Places by their folder without split levels."""
    folders: dict[str, list[Place]] = defaultdict(list)
    for place in found:
        folders[place.folder].append(place)
    return folders


def record_paths(files: pl.DataFrame) -> list[str]:
    """Text files whose extension or type says that they may hold records."""
    text = files.filter(pl.col("modality") == "text").select("path", "media_type").sort("path")
    return [path for path, media_type in text.iter_rows() if form_of(path, media_type or "") is not None]


@dataclass(frozen=True, eq=False)
class MediaIndex:
    """Media files by path, by name, and by the runs of fields of their names."""

    modality: Mapping[str, str]
    by_name: Mapping[str, tuple[str, ...]]
    by_run: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    @staticmethod
    def of(files: pl.DataFrame) -> "MediaIndex":
        """Index the media files of a lake."""
        rows = files.filter(pl.col("modality").is_in(MEDIA)).select("path", "modality").sort("path").rows()
        names: dict[str, list[str]] = defaultdict(list)
        for path, _ in rows:
            name, bare = path.rpartition("/")[2], stem(path)
            names[name].append(path)
            if bare != name:
                names[bare].append(path)
        return MediaIndex(dict(rows), {name: tuple(paths) for name, paths in names.items()})

    def resolve(self, value: str, base: str) -> str | None:
        """The media file that a value of a record file in folder `base` names: by path from there, else by a unique ending."""
        value = value.strip().replace("\\", "/")
        while value.startswith("./"):
            value = value[2:]
        if not value or len(value) > 400:
            return None
        for root in ancestors(base):
            path = f"{root}/{value}" if root else value
            if path in self.modality:
                return path
        named = self.by_name.get(value.rpartition("/")[2], ())
        for root in ancestors(base)[:2]:
            near = [path for path in named if not root or path.startswith(root + "/")]
            ending = [path for path in near if path.endswith("/" + value)] or near
            if len(ending) == 1:
                return ending[0]
        return None

    def runs_below(self, base: str) -> dict[str, tuple[str, ...]]:
        """Media files below `base` by every run of fields of their names: `dev-1572-0-0` by `1572-0`, `dev` and so on."""
        if base not in self.by_run:
            self.by_run.clear()  # one base at a time: a large lake has many runs
            found: dict[str, list[str]] = defaultdict(list)
            near = [path for path in self.modality if not base or path.startswith(base + "/")]
            for path in near if len(near) <= MOST_RUNS else ():
                for run in _runs(stem(path)):
                    found[run].append(path)
            self.by_run[base] = {run: tuple(paths) for run, paths in found.items()}
        return self.by_run[base]


def ancestors(folder: str) -> list[str]:
    """A folder and those around it, the innermost first and "" last."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:count]) for count in range(len(parts), -1, -1)]


def _runs(name: str) -> set[str]:
    edges = [0, *(place for place, letter in enumerate(name) if letter in "-_. "), len(name)]
    starts = [0, *(place + 1 for place in edges[1:-1])]
    ends = edges[1:]
    return {name[start:end] for start in starts for end in ends if start < end} if len(starts) <= 8 else {name}


def file_field(records: Records, index: MediaIndex, given: Mapping[str, str] | None = None) -> tuple[str, tuple[str | None, ...]] | None:
    """The field whose values name media files, and the file of each row; None where no field names at least 60 % of its files.

    `given`: field → role, as a person says; the field of role `file` is taken as it is.
    """
    base = parent(records.path)
    told = next((name for name, role in (given or {}).items() if role == "file" and name in records.fields), None)
    if told is not None:
        values = [row.get(told, "") for row in records.rows]
        files = tuple(one or other for one, other in zip(_by_path(values, base, index), _by_run(values, base, index), strict=True))
        return (told, files) if any(files) else None
    best: tuple[float, str, tuple[str | None, ...]] | None = None
    for name, column in columns(records).items():
        if column.share < 0.9 or column.mean_length > 200 or column.distinct < min(2, len(records.rows)):
            continue
        for resolve in (_by_path, _by_run) if len(records.rows) > 1 else (_by_path,):
            head = resolve(column.values[:60], base, index)
            if sum(path is not None for path in head) < 0.6 * len(head):
                continue
            found = resolve(column.values, base, index)
            share = sum(path is not None for path in found) / len(found)
            unique = len({path for path in found if path})
            if share >= 0.6 and unique >= 0.5 * share * len(found) and (best is None or share > best[0]):
                best = (share, name, found)
                break
    return None if best is None else best[1:]


def _by_path(values: Iterable[str], base: str, index: MediaIndex) -> tuple[str | None, ...]:
    return tuple(index.resolve(value, base) for value in values)


def _by_run(values: Iterable[str], base: str, index: MediaIndex) -> tuple[str | None, ...]:
    """By a run of fields that is an identifier: with a digit, and in one file's name only."""
    runs = index.runs_below(base)
    return tuple(paths[0] if len(value) >= 3 and any(map(str.isdigit, value)) and len(paths := runs.get(value, ())) == 1 else None for value in values)


def sidecar_stems(view: LakeView) -> set[tuple[str, str]]:
    """(parent of the folder, stem) of every media file: a record file at the same place is a sidecar, not a table."""
    return {(root, stem(path)) for path in view.files.filter(pl.col("modality").is_in(MEDIA))["path"] for root in {parent(path), parent(parent(path))}}


def is_sidecar(path: str, stems: set[tuple[str, str]]) -> bool:
    """Whether a media file of the same stem lies in the same folder or in one beside it."""
    folder, name = parent(path), stem(path)
    return (folder, name) in stems or (bool(folder) and (parent(folder), name) in stems)


__all__ = ["MEDIA", "ROLE_OF", "Column", "MediaIndex", "Place", "by_folder", "file_field", "is_prose", "is_sidecar", "places", "record_paths", "sidecar_stems"]
