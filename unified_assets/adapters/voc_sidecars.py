"""Pascal VOC XML with the stem of an image: which objects are in it; from that, whether a kind of object is there at all."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.markup import tree
from unified_assets.records.names import common_root, declared_split, parent, stem

MIN_FILES = 12
MIN_SHARE = 0.15  # of the images must lie on the rarer side, else presence is a constant


def propose(view: LakeView) -> Iterator[Proposal]:
    """One presence task for each kind of object that some images have and some have not."""
    images: dict[tuple[str, str], str] = {}
    for path in view.files.filter(pl.col("modality") == "image")["path"].sort():
        for root in {parent(path), parent(parent(path))}:
            images.setdefault((root, stem(path)), path)
    folders: dict[str, list[tuple[str, str, Counter[str]]]] = {}
    for path in view.files.filter(pl.col("modality") == "text")["path"].sort():
        image = None
        if path.lower().endswith(".xml"):
            image = images.get((parent(path), stem(path))) or images.get((parent(parent(path)), stem(path)))
        objects = None if image is None else _objects(view.text(path).text)
        if image is not None and objects is not None:
            folders.setdefault(parent(path), []).append((image, path, objects))
    for found in folders.values():
        if len(found) >= MIN_FILES:
            yield from _presence(found)


def _objects(text: str) -> Counter[str] | None:
    root = tree(text)
    if root is None or root.tag != "annotation":
        return None
    return Counter((item.findtext("name") or "").strip() for item in root.iter("object"))


def _presence(found: list[tuple[str, str, Counter[str]]]) -> Iterator[Proposal]:
    kinds = sorted({kind for _, _, objects in found for kind in objects if kind})
    root = common_root([parent(path) for image, source, _ in found for path in (image, source)])
    for kind in kinds:
        present = sum(objects[kind] > 0 for _, _, objects in found)
        if MIN_SHARE * len(found) <= present <= (1 - MIN_SHARE) * len(found):
            yield Proposal(
                root=root,
                form=f"voc_has_{kind}",
                subject="image",
                kind="classification",
                roles=("image",),
                examples=tuple(
                    ProposedExample(inputs=(Input(role="image", path=image),), target="yes" if objects[kind] else "no", split=declared_split(image))
                    for image, _, objects in found
                ),
                adapter=ADAPTER.name,
                label_sources=tuple(source for _, source, _ in found),
                withheld=("boxes and counts: they hold the label",),
                why=f"{len(found)} images have a VOC annotation of the same stem; {present} of them show at least one {kind}. Boxes are not learned yet",
            )


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
    description="Pascal VOC annotations: presence of a kind of object.",
    propose=propose,
    example=_write_example,
    expected={"images/s0.png": "yes", "images/s1.png": "no"},
)
