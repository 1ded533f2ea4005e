"""Exported files answer as the model they come from, on pictures and sounds as its own encoders make them."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from unified_assets.core.contracts import TaskData, TaskInfo
from unified_assets.core.media import DecodedAudio, DecodedImage
from unified_assets.inference import load
from unified_assets.inference.exporting import ABOUT, ONNX_PACKAGES, export
from unified_assets.models.audio_service import MODEL as AUDIO
from unified_assets.models.vision_service import MODEL as VISION


def picture(kind: int, seed: int) -> DecodedImage:
    noise = np.random.default_rng(seed).integers(0, 40, (64, 64, 3))
    lines = (np.arange(64) // 6 % 2 * 150)[:, None]
    return DecodedImage(pixels=(noise + (lines if kind else lines.T)[..., None]).astype(np.uint8), original_width=64, original_height=64)


def sound(kind: int, seed: int) -> DecodedAudio:
    times = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * (300 + 700 * kind) * times) + 0.1 * np.random.default_rng(seed).standard_normal(16000)
    return DecodedAudio(samples=tone[:, None].astype(np.float32), sample_rate_hz=16000)


@pytest.fixture(scope="module", params=["image", "audio"])
def trained(request, tmp_path_factory):
    """A model of two classes, as training writes it, and what its encoder makes of six new items."""
    role, spec, make = request.param, {"image": VISION, "audio": AUDIO}[request.param], {"image": picture, "audio": sound}[request.param]
    encoder = spec.encoders[role]
    encoded = [encoder.encode(make(index % 2, index), None) for index in range(24)]
    data = TaskData(
        info=TaskInfo(task="t", subject=role, kind="classification", roles=(role,), classes=("a", "b"), metric="accuracy"),
        example_ids=tuple(f"e{index:02d}" for index in range(24)),
        texts={},
        media={role: (encoder.name, np.arange(24))},
        arrays={encoder.name: {name: np.stack([value[name] for value in encoded]) for name in encoder.arrays}},
        target=np.arange(24) % 2,
        split=np.full(24, "train"),
    )
    torch.manual_seed(0)
    learner = spec.build(spec.blueprint((data,), None))
    learner.fit_statistics((data,), None)
    (optimizer,) = learner.optimizers(2e-3)
    for step in range(10):
        optimizer.zero_grad()
        learner.loss(data, np.random.default_rng(step).permutation(24)[:12]).backward()
        optimizer.step()
    folder = tmp_path_factory.mktemp("final")
    save_file({name: value.contiguous() for name, value in learner.state_dict().items()}, str(folder / "weights.safetensors"))
    about = {"model": spec.name, "version": spec.version, "dataset": "d", "tasks": [data.info.as_dict()], "blueprint": learner.blueprint}
    (folder / "model.json").write_text(json.dumps(about), encoding="utf-8")
    new = [encoder.encode(make(index % 2, 100 + index), None) for index in range(6)]
    arrays = {name: np.stack([value[name] for value in new]) for name in encoder.arrays}
    fresh = replace(data, arrays={encoder.name: arrays}, media={role: (encoder.name, np.arange(6))}, target=np.arange(6) % 2, split=np.full(6, "test"))
    predictor = load(folder)
    fresh = replace(fresh, example_ids=data.example_ids[:6])
    return predictor, arrays, predictor.learner.predict(fresh, np.arange(6)).log_probs


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # as torch calls a format that other programs still read
def test_a_torchscript_file_answers_as_the_model(trained, tmp_path):
    predictor, arrays, wanted = trained
    export(predictor, tmp_path / "m.pt", form="torchscript", task="t")
    told = {ABOUT: ""}
    script = torch.jit.load(str(tmp_path / "m.pt"), _extra_files=told)
    names = json.loads(told[ABOUT])["inputs"]
    found = script(*(torch.from_numpy(arrays[name]) for name in names)).detach().numpy()
    assert json.loads(told[ABOUT])["classes"] == ["a", "b"]
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@pytest.mark.cluster
@pytest.mark.skipif(any(find_spec(name) is None for name in ONNX_PACKAGES), reason="needs the extra `onnx`")
def test_an_onnx_file_answers_as_the_model_in_another_program(trained, tmp_path):
    import onnxruntime

    predictor, arrays, wanted = trained
    export(predictor, tmp_path / "m.onnx", form="onnx", task="t")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    fed = {one.name: arrays[one.name] for one in session.get_inputs()}
    (found,) = session.run(None, fed)
    assert json.loads(session.get_modelmeta().custom_metadata_map[ABOUT])["classes"] == ["a", "b"]
    np.testing.assert_allclose(found, wanted, atol=1e-3)
