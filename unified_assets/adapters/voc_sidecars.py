"""Pascal VOC XML with the stem of an image: which objects are in it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from unified_assets.core.contracts import Adapter, LakeView, Proposal
from unified_assets.records.markup import tree
from unified_assets.records.names import common_root, parent, stem, without_splits
from unified_assets.records.objects import Shown, proposals_of


def propose(view: LakeView) -> Iterator[Proposal]:
    """The label spaces of each folder of annotations whose images lie in it or beside it."""
    images: dict[tuple[str, str], str] = {}
    for path in view.files.filter(pl.col("modality") == "image")["path"].sort():
        for root in {parent(path), parent(parent(path))}:
            images.setdefault((root, stem(path)), path)
    folders: dict[str, list[Shown]] = {}
    for path in view.files.filter(pl.col("modality") == "text")["path"].sort():
        image = None
        if path.lower().endswith(".xml"):
            image = images.get((parent(path), stem(path))) or images.get((parent(parent(path)), stem(path)))
        objects = None if image is None else _objects(view.text(path).text)
        if image is not None and objects is not None:
            folders.setdefault(without_splits(parent(path)), []).append(Shown(image, path, objects))
    for found in folders.values():
        root = common_root([without_splits(parent(path)) for shown in found for path in (shown.image, shown.source)])
        yield from proposals_of(found, root=root, prefix="voc", adapter=ADAPTER.name)


def _objects(text: str) -> Counter[str] | None:
    root = tree(text)
    if root is None or root.tag != "annotation":
        return None
    return Counter((item.findtext("name") or "").strip() for item in root.iter("object"))


def _write_example(folder: Path) -> None:
    from PIL import Image

    for name in ("images", "annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(12):
        Image.new("RGB", (16, 16), (number * 20, 40, 90)).save(folder / "images" / f"s{number}.png")
        inner = "<object><name>tree</name></object>" + ("<object><name>kite</name></object>" if number % 3 == 0 else "")
        (folder / "annotations" / f"s{number}.xml").write_text(f"<annotation><filename>s{number}.png</filename>{inner}</annotation>", encoding="utf-8")


ADAPTER = Adapter(
    name="voc_sidecars",
    description="Pascal VOC annotations: the kind of object, or whether it is there.",
    propose=propose,
    example=_write_example,
    expected={"images/s0.png": "yes", "images/s1.png": "no"},
)
