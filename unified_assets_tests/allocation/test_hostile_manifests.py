"""Manifests that name files elsewhere: nothing outside of the raw root becomes an example, and the rows beside them are learned."""

import json

import pytest

from unified_assets.allocation import allocate
from unified_assets.store.local import Store

OUTSIDE = ("../outside.png", "../../../../../../etc/passwd", "/etc/passwd", "pictures/../../outside.png", "file:///etc/passwd")
AWAY = (*OUTSIDE, "link.png", "pictures/\0.png", "~/x.png")
GOOD = [(f"pictures/{number}.png", "cat" if number % 2 else "dog") for number in range(24)]
ROWS = [*GOOD[:12], *((name, "cat") for name in AWAY), *GOOD[12:]]


def table(separator):
    return "\n".join(separator.join(row).replace("\0", "") for row in [("file", "label"), *ROWS])


def coco():
    images = [{"id": number, "file_name": name} for number, (name, _) in enumerate(ROWS)]
    marks = [{"image_id": number, "category_id": 1 if label == "cat" else 2, "bbox": [0, 0, 1, 1]} for number, (_, label) in enumerate(ROWS)]
    return json.dumps({"images": images, "annotations": marks, "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]})


@pytest.mark.parametrize(
    ("name", "manifest"),
    [
        ("labels.csv", table(",")),
        ("labels.tsv", table("\t")),
        ("labels.jsonl", "\n".join(json.dumps({"file": name, "label": label}) for name, label in ROWS)),
        ("labels.json", json.dumps([{"file": name, "label": label} for name, label in ROWS])),
        ("coco.json", coco()),
    ],
)
def test_a_manifest_that_names_files_outside_leads_to_none_of_them(lake, specs, name, manifest):
    settings = lake({path: path for path, _ in GOOD} | {name: manifest})
    outside = settings.raw.parent / "outside.png"
    outside.write_text("outside", encoding="utf-8")
    (settings.raw / "link.png").symlink_to(outside)
    allocate(settings, lambda _line: None, specs)
    store = Store(settings.state)
    examples = store.table("examples")
    vision = examples.filter(examples["model"] == "vision_service")
    known = set(store.table("catalog")["file_id"])
    used = {one["file_id"] for row in vision["inputs"] for one in row}
    assert used <= known
    assert len(vision.filter(vision["task"].is_not_null())) == len(GOOD)
    assert set(store.table("allocation")["path"]) == {path for path, _ in GOOD} | {name}
