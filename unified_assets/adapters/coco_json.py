"""A COCO JSON (images, annotations, categories): which objects are in each image."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unified_assets.core.contracts import Adapter, LakeView, Proposal
from unified_assets.records.names import common_root, parent, without_splits
from unified_assets.records.objects import Shown, proposals_of
from unified_assets.records.parsing import json_value
from unified_assets.records.places import MediaIndex, record_paths

KEYS = ("images", "annotations", "categories")
MARK = '"annotations"'


def propose(view: LakeView) -> Iterator[Proposal]:
    """The label spaces of the annotation files of one folder together: its train and val parts are one."""
    index: MediaIndex | None = None
    folders: dict[str, list[Shown]] = {}
    for path in record_paths(view.files):
        text = view.text(path).text
        value = json_value(text) if MARK in text else None
        if isinstance(value, dict) and all(isinstance(value.get(key), list) for key in KEYS):
            index = MediaIndex.of(view.files) if index is None else index
            folders.setdefault(without_splits(parent(path)), []).extend(_shown(path, value, index))
    for found in folders.values():
        root = common_root([without_splits(parent(path)) for shown in found for path in (shown.image, shown.source)])
        yield from proposals_of(found, root=root, prefix="coco", adapter=ADAPTER.name)


def _shown(path: str, value: dict[str, Any], index: MediaIndex) -> Iterator[Shown]:
    names = {str(item.get("id")): str(item.get("name", "")) for item in value["categories"] if isinstance(item, dict)}
    objects: dict[str, Counter[str]] = {}
    for item in value["annotations"]:
        kind = names.get(str(item.get("category_id"))) if isinstance(item, dict) else None
        if kind:
            objects.setdefault(str(item.get("image_id")), Counter())[kind] += 1
    for item in value["images"]:
        image = index.resolve(str(item.get("file_name", "")), parent(path)) if isinstance(item, dict) else None
        if image is not None and index.modality[image] == "image":
            yield Shown(image, path, objects.get(str(item.get("id")), Counter()))


def _write_example(folder: Path) -> None:
    from PIL import Image

    (folder / "images").mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number in range(12):
        Image.new("RGB", (16, 16), (number * 20, 40, 90)).save(folder / "images" / f"s{number}.png")
        images.append({"id": number, "file_name": f"s{number}.png"})
        annotations.append({"id": number, "image_id": number, "category_id": 1 + number % 2, "bbox": [0, 0, 4, 4]})
    value = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "kite"}, {"id": 2, "name": "tree"}]}
    (folder / "instances.json").write_text(json.dumps(value), encoding="utf-8")


ADAPTER = Adapter(
    name="coco_json",
    description="COCO annotations: the kind of object, or whether it is there.",
    propose=propose,
    example=_write_example,
    expected={"images/s0.png": "kite", "images/s1.png": "tree"},
)
