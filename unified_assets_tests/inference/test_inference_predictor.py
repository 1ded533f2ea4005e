"""A final folder answers on whatever fits its tasks, and names what does not."""

import io
import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from unified_assets.core.contracts import TaskData, TaskInfo
from unified_assets.core.errors import CorruptCheckpoint, InvalidSetting
from unified_assets.core.media import DecodedImage
from unified_assets.inference import load
from unified_assets.models.vision_service import MODEL as VISION


def stripes(kind: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 40, (64, 64, 3))
    lines = (np.arange(64) // 6 % 2 * 150)[:, None]
    return (noise + (lines if kind else lines.T)[..., None]).astype(np.uint8)


def task() -> TaskData:
    encoder = VISION.encoders["image"]
    decoded = (DecodedImage(pixels=stripes(index % 2, index), original_width=64, original_height=64) for index in range(40))
    encoded = [encoder.encode(value, None) for value in decoded]
    return TaskData(
        info=TaskInfo(task="stripes", subject="image", kind="classification", roles=("image",), classes=("stand", "lie"), metric="accuracy"),
        example_ids=tuple(f"e{index:02d}" for index in range(40)),
        texts={},
        media={"image": (encoder.name, np.arange(40))},
        arrays={encoder.name: {name: np.stack([value[name] for value in encoded]) for name in encoder.arrays}},
        target=np.arange(40) % 2,
        split=np.full(40, "train"),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained vision_service, written as training writes it."""
    torch.manual_seed(0)
    data = task()
    tasks = (data, replace(data, info=replace(data.info, task="again", classes=("up", "flat"))))
    learner = VISION.build(VISION.blueprint(tasks, None))
    learner.fit_statistics(tasks, None)
    (optimizer,) = learner.optimizers(2e-3)
    for step in range(30):
        optimizer.zero_grad()
        learner.loss(tasks[step % 2], np.random.default_rng(step).permutation(40)[:16]).backward()
        optimizer.step()
    path = tmp_path_factory.mktemp("final")
    save_file({name: value.contiguous() for name, value in learner.state_dict().items()}, str(path / "weights.safetensors"))
    infos = [value.info.as_dict() for value in tasks]
    described = {"model": "vision_service", "version": VISION.version, "dataset": "abc", "tasks": infos, "blueprint": learner.blueprint}
    (path / "model.json").write_text(json.dumps(described), encoding="utf-8")
    return path


def png(kind: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(stripes(kind, 99 + kind)).save(stream, "PNG")
    return stream.getvalue()


def test_paths_bytes_and_roles_are_answered_for_every_task_that_fits(folder, tmp_path):
    (tmp_path / "lie.png").write_bytes(png(1))
    items = [tmp_path / "lie.png", png(0), {"image": png(1)}, {"path": str(tmp_path / "lie.png")}]
    answers = load(folder).predict(items)
    assert [{told["task"]: told["answer"] for told in answer["answers"]} for answer in answers] == [
        {"stripes": "lie", "again": "flat"},
        {"stripes": "stand", "again": "up"},
        {"stripes": "lie", "again": "flat"},
        {"stripes": "lie", "again": "flat"},
    ]
    assert all(0.5 <= answer["confidence"] <= 1 for answer in answers)
    assert json.loads(json.dumps(answers)) == answers


def test_one_task_can_be_asked_for_by_name(folder):
    (answer,) = load(folder).predict([png(0)], "again")
    assert (answer["task"], answer["answer"], len(answer["answers"])) == ("again", "up", 1)


def test_what_cannot_be_read_is_an_error_and_the_rest_is_answered(folder, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    items = [tmp_path / "pipe", tmp_path / "missing.png", png(0)[:100], b"", "a sentence", 7, png(0)]
    answers = load(folder).predict(items)
    assert [answer.get("error") for answer in answers][:2] == ["not_regular", "not_found"]
    assert all(answer.get("error") for answer in answers[:6])
    assert answers[4]["error"] == "fits_no_task"
    assert answers[6]["answers"][0]["answer"] == "stand"


def test_an_unknown_task_is_refused_with_those_there_are(folder):
    with pytest.raises(InvalidSetting, match="stripes"):
        load(folder).predict([png(0)], "nothing")


def test_a_folder_that_is_not_whole_is_refused(folder, tmp_path):
    with pytest.raises(CorruptCheckpoint, match=r"model\.json"):
        load(tmp_path)
    (tmp_path / "model.json").write_bytes((folder / "model.json").read_bytes())
    (tmp_path / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes()[:1000])
    with pytest.raises(CorruptCheckpoint):
        load(tmp_path)
