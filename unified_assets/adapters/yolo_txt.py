"""YOLO labels: a txt file for each image, `class x y width height` a line, in its folder or in `labels/` beside `images/`."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import yaml

from unified_assets.core.contracts import Adapter, LakeView, Proposal
from unified_assets.records.names import common_root, parent, stem, without_splits
from unified_assets.records.objects import Shown, proposals_of

NAME_FILES = ("classes.txt", "obj.names", "data.yaml", "dataset.yaml", "data.yml")
LEVELS = 5  # folders above the labels in which the names of the classes are looked for
SIZE_LIMIT = 1 << 20
_LINE = re.compile(r"^\d{1,4}(\s+[01]?(\.\d+)?([eE]-?\d+)?){4,}\s*$")
_NUMBERS = re.compile(r"^[\d\s.eE+-]*$")


def propose(view: LakeView) -> Iterator[Proposal]:
    """The label spaces of all label files below one folder; an empty label file is an image that shows nothing."""
    images = {(parent(path), stem(path)): path for path in view.files.filter(pl.col("modality") == "image")["path"].sort()}
    text = view.files.filter((pl.col("modality") == "text") & (pl.col("size_bytes") <= SIZE_LIMIT))["path"].sort().to_list()
    known = set(text)
    folders: dict[str, list[tuple[str, str, Counter[int]]]] = {}
    for path in text if images else ():
        image = _image(path, images) if path.lower().endswith(".txt") else None
        found = None if image is None else _classes(view.text(path).text)
        if image is not None and found is not None:
            folders.setdefault(without_splits(parent(path)), []).append((path, image, found))
    for labelled in folders.values():
        if any(found for _, _, found in labelled):
            yield from _of_folder(view, labelled, known)


def _of_folder(view: LakeView, labelled: list[tuple[str, str, Counter[int]]], known: set[str]) -> Iterator[Proposal]:
    """What one of its sides calls the classes, all sides do."""
    places = sorted({parent(path) for path, _, _ in labelled})
    names = next((found for place in places if (found := _names(view, place, known))), {})
    shown = [Shown(image, path, Counter(names.get(number, f"class {number}") for number in found.elements())) for path, image, found in labelled]
    root = common_root([without_splits(parent(path)) for one in shown for path in (one.image, one.source)])
    yield from proposals_of(shown, root=root, prefix="yolo", adapter=ADAPTER.name)


def _image(path: str, images: dict[tuple[str, str], str]) -> str | None:
    folder = parent(path)
    beside = "/".join("images" if part == "labels" else part for part in folder.split("/"))
    return images.get((folder, stem(path))) or images.get((beside, stem(path)))


def _classes(text: str) -> Counter[int] | None:
    """How many boxes of each class; None where a line is no box."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not all(_LINE.match(line) and _NUMBERS.match(line) for line in lines):
        return None
    return Counter(int(line.split()[0]) for line in lines)


def _names(view: LakeView, folder: str, known: set[str]) -> dict[int, str]:
    """The names of the classes, from the nearest file above a folder that lists them."""
    for _ in range(LEVELS):
        for name in NAME_FILES:
            place = f"{folder}/{name}" if folder else name
            if place in known and (found := _listed(view.text(place).text, name)):
                return found
        if not folder:
            break
        folder = parent(folder)
    return {}


def _listed(text: str, name: str) -> dict[int, str]:
    if not name.endswith(("yaml", "yml")):
        return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return {}
    names = value.get("names") if isinstance(value, dict) else None
    if isinstance(names, list):
        return dict(enumerate(map(str, names)))
    return {int(key): str(item) for key, item in names.items() if str(key).isdigit()} if isinstance(names, dict) else {}


def _write_example(folder: Path) -> None:
    from PIL import Image

    for name in ("images", "labels"):
        (folder / name / "train").mkdir(parents=True, exist_ok=True)
    for number in range(12):
        Image.new("RGB", (16, 16), (number * 20, 40, 90)).save(folder / "images" / "train" / f"s{number}.png")
        lines = "0 0.5 0.5 0.25 0.25\n" + ("1 0.1 0.2 0.1 0.1\n" if number % 3 == 0 else "")
        (folder / "labels" / "train" / f"s{number}.txt").write_text(lines, encoding="utf-8")
    (folder / "data.yaml").write_text("names: [tree, kite]\n", encoding="utf-8")


ADAPTER = Adapter(
    name="yolo_txt",
    description="YOLO labels: the kind of object, or whether it is there.",
    propose=propose,
    example=_write_example,
    expected={"images/train/s0.png": "yes", "images/train/s1.png": "no"},
)
