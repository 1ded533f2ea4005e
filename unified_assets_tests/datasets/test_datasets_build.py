"""Examples of a model → frozen tensors, and back as TaskData."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from unified_assets.core import tables
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.datasets import build, load, read_counts
from unified_assets.models.vision_service import MODEL as VISION
from unified_assets.store.local import Store, write_table

VISION_TASK = {"task": "shapes", "subject": "image", "kind": "classification", "roles": ["image"], "classes": ["dark", "light"], "models": ["vision_service"]}
TASK_DEFAULTS = {"adapter": "class_folders", "root": "", "withheld": [], "examples": 0, "why": ""}


def write_picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((20, 30, 3), shade, np.uint8)).save(path)


def media(role: str, path: str, **more: str) -> dict:
    return {"role": role, "file_id": f"id-{path}", "path": path, "locator": None, "text": None, **more}


def text(role: str, value: str) -> dict:
    return {"role": role, "file_id": "id-records.jsonl", "path": "records.jsonl", "locator": "record=0", "text": value}


def example(name: str, inputs: list[dict], target: str | None, *, model: str = "vision_service", task: str | None = "shapes", split: str = "train") -> dict:
    kind = "pair" if task is None else "choice" if task == "choices" else "classification"
    return {"example_id": name, "model": model, "task": task, "kind": kind, "inputs": inputs, "target": target, "group": name, "split": split}


def publish(settings: Settings, examples: list[dict], tasks: list[dict]) -> None:
    paths = sorted({value["path"] for row in examples for value in row["inputs"]})
    types = {".png": ("image", "image/png"), ".jsonl": ("text", "application/x-ndjson"), ".md": ("text", "text/markdown")}
    rows = [
        {"path": path, "file_id": f"id-{path}", "status": "ok"} | dict(zip(("modality", "media_type"), types[Path(path).suffix], strict=True)) for path in paths
    ]
    frames = {
        "catalog": pl.DataFrame([{**dict.fromkeys(tables.CATALOG), **row} for row in rows], schema=tables.CATALOG),
        "tasks": pl.DataFrame([{**TASK_DEFAULTS, **task} for task in tasks], schema=tables.TASKS),
        "examples": pl.DataFrame(examples, schema=tables.EXAMPLES),
    }
    store = Store(settings.state)
    store.publish("catalog", lambda folder: write_table(folder, "catalog", frames["catalog"]))
    store.publish("allocation", lambda folder: [write_table(folder, name, frames[name]) for name in ("tasks", "examples")])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name, shade in (("a.png", 10), ("b.png", 240), ("c.png", 30)):
        write_picture(tmp_path / "raw" / name, shade)
    (tmp_path / "raw" / "broken.png").write_bytes((tmp_path / "raw" / "a.png").read_bytes()[:40])
    (tmp_path / "raw" / "note.md").write_text("# A note\n\nThe whole text of a file.\n", encoding="utf-8")
    return Settings(raw=tmp_path / "raw", state=tmp_path / "state", workers=1)


@pytest.fixture
def pictures() -> list[dict]:
    return [
        example("e1", [media("image", "a.png")], "dark"),
        example("e2", [media("image", "b.png")], "light", split="valid"),
        example("e3", [media("image", "c.png")], "dark", split="test"),
        example("e4", [media("image", "broken.png")], "dark"),
        example("e5", [media("image", "a.png")], None, task=None),
    ]


def test_pictures_come_back_in_order_of_their_examples(settings, pictures):
    publish(settings, pictures, [VISION_TASK])
    summary = build(settings, "vision_service", lambda _: None)
    dataset = load(summary.folder)
    (task,) = dataset.tasks
    assert task.example_ids == ("e1", "e2", "e3")
    assert task.split.tolist() == ["train", "valid", "test"]
    assert [task.info.classes[index] for index in task.target] == ["dark", "light", "dark"]
    pixels = task.gather("image", "pixels", np.arange(3))
    assert pixels.shape == (3, 112, 112, 3)
    assert [int(picture.mean()) for picture in pixels] == [10, 240, 30]
    assert task.gather("image", "size", np.arange(3)).tolist() == [[30, 20]] * 3
    assert dataset.pairs is not None
    assert dataset.pairs.target is None
    assert dataset.pairs.gather("image", "pixels", np.arange(1)).mean() == 10


def test_a_file_that_cannot_be_decoded_drops_its_example_under_its_reason(settings, pictures):
    publish(settings, pictures, [VISION_TASK])
    summary = build(settings, "vision_service", lambda _: None)
    assert sum(summary.dropped.values()) == 1
    assert summary.counts.tasks == {"shapes": {"train": 1, "valid": 1, "test": 1}}
    assert summary.counts.pairs == 1
    assert read_counts(summary.folder) == summary.counts == load(summary.folder).counts


def test_equal_examples_give_an_equal_digest_and_nothing_is_written(settings, pictures):
    publish(settings, pictures, [VISION_TASK])
    first = build(settings, "vision_service", lambda _: None)
    publish(settings, list(reversed(pictures)), [VISION_TASK])
    again = build(settings, "vision_service", lambda _: None)
    assert again.reused
    assert (again.folder, again.digest) == (first.folder, first.digest)


def test_the_same_allocation_gives_the_same_dataset_without_a_look_at_its_examples(settings, pictures):
    publish(settings, pictures, [VISION_TASK])
    first = build(settings, "vision_service", lambda _: None)
    for path in (settings.state / "versions" / "allocation" / "current").resolve().rglob("*.parquet"):
        path.unlink()
    again = build(settings, "vision_service", lambda _: None)
    assert again.reused
    assert (again.folder, again.digest, again.counts) == (first.folder, first.digest, first.counts)


def test_an_example_that_the_machine_failed_at_is_tried_again_though_the_allocation_is_the_same(settings, pictures):
    publish(settings, pictures, [VISION_TASK])
    first = build(settings, "vision_service", lambda _: None)
    manifest = json.loads((first.folder / "manifest.json").read_text(encoding="utf-8"))
    (first.folder / "manifest.json").write_text(json.dumps({**manifest, "dropped": {"timeout": 1}}), encoding="utf-8")
    assert not build(settings, "vision_service", lambda _: None).reused


def test_another_side_of_one_example_is_other_data(settings, pictures):
    publish(settings, pictures, [VISION_TASK])
    first = build(settings, "vision_service", lambda _: None)
    pictures[0]["split"] = "test"
    publish(settings, pictures, [VISION_TASK])
    second = build(settings, "vision_service", lambda _: None)
    assert second.digest != first.digest
    assert second.modality_digests["image"] != first.modality_digests["image"]


def test_a_file_is_decoded_once_over_all_builds(settings, pictures):
    publish(settings, pictures[:3], [VISION_TASK])
    build(settings, "vision_service", lambda _: None)
    for path in settings.raw.glob("*.png"):
        path.unlink()
    pictures[0]["target"] = "light"
    publish(settings, pictures[:3], [VISION_TASK])
    said: list[str] = []
    summary = build(settings, "vision_service", said.append)
    assert not summary.dropped
    assert not [line for line in said if line.startswith("encoding")]


def test_options_keep_their_order_and_missing_ones_are_counted(settings):
    task = {**VISION_TASK, "task": "choices", "subject": "causal", "kind": "choice", "roles": ["premise", "option"], "classes": []}
    inputs = [text("premise", "It rained."), text("option", "wet"), text("option", "dry")]
    rows = [example(name, inputs, target, model="causal_reasoning_engine", task="choices") for name, target in (("c1", "0"), ("c2", "1"), ("c3", "2"))]
    publish(settings, rows, [task])
    summary = build(settings, "causal_reasoning_engine", lambda _: None)
    (data,) = load(summary.folder).tasks
    assert dict(summary.dropped) == {"no_such_option": 1}
    assert data.options == [["wet", "dry"], ["wet", "dry"]]
    assert data.target.tolist() == [0, 1]
    assert data.texts["premise"] == ["It rained."] * 2


def test_a_text_role_without_text_is_read_from_its_file(settings):
    task = {**VISION_TASK, "task": "notes", "subject": "concept", "roles": ["text"], "classes": ["x"]}
    publish(settings, [example("n1", [media("text", "note.md")], "x", model="concept_models", task="notes")], [task])
    summary = build(settings, "concept_models", lambda _: None)
    (data,) = load(summary.folder).tasks
    assert "The whole text of a file." in data.texts["text"][0]


def test_the_manifest_says_what_is_in_the_folder(settings, pictures):
    publish(settings, pictures, [VISION_TASK])
    folder = build(settings, "vision_service", lambda _: None).folder
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["spec_version"] == VISION.version
    assert manifest["encoders"]["picture"] == {"version": VISION.encoders["image"].version, "items": 3}


def test_an_unknown_model_is_refused_by_name(settings):
    with pytest.raises(InvalidSetting, match="no such model"):
        build(settings, "nobody", lambda _: None)
