"""An image encoder beside the classical features: what a media model's linear part gains, what is kept, and what is refused."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.core.contracts import SilentSink, TaskData, TaskInfo
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.plugins import models
from unified_assets.core.presets import Preset
from unified_assets.datasets import TaskCounts
from unified_assets.inference import load
from unified_assets.inference.exporting import NotExportable, export
from unified_assets.store import encoders
from unified_assets.training import checkpoints
from unified_assets.training.plan import make_plan
from unified_assets.training.pretrained import KeptVectors
from unified_assets.training.rounds import train_model

transformers = pytest.importorskip("transformers", reason="the extra `pretrained` is not installed")
from unified_assets.learners.pretrained_image_torch import PictureEncoder  # noqa: E402 - after what tells whether it can be imported

MACHINE = Inventory(cores=1, memory_gib=8)
WARM, COLD = ((1.0, 0.3, 0.0), (1.0, 0.9, 0.0)), ((0.0, 0.5, 1.0), (0.3, 0.0, 1.0))
STRANGE = {(1.0, 0.0, 0.4): 0, (0.0, 1.0, 0.7): 1}  # hues of no training picture; the encoder knows that red is warm and blue is cold
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 32, "patch_size": 8}
FORM = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255, "resample": 3}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A ViT of one layer whose first token is how much redder than blue a picture is."""
    folder = tmp_path_factory.mktemp("models") / "tiny-vit"
    torch.manual_seed(3)
    model = transformers.ViTModel(transformers.ViTConfig(**{**SMALL, "hidden_size": 8, "patch_size": 16}), add_pooling_layer=False)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "norm" not in name:
                value.zero_()
            if name.endswith(("v_proj.weight", "value.weight", "o_proj.weight", "attention.output.dense.weight")):
                value.copy_(torch.eye(8))
        patches = next(value for name, value in model.named_parameters() if name.endswith("projection.weight"))
        for row, sign in ((0, 1.0), (1, -1.0)):
            patches[row, 0], patches[row, 2] = sign / 256, -sign / 256
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(FORM))
    return folder


def pictures(colours, side):
    """(n, side, side, 3) uint8: a colour with a little noise."""
    noise = np.random.default_rng(5).integers(0, 20, (len(colours), side, side, 3))
    return (np.asarray(colours)[:, None, None] * 220 + noise).astype(np.uint8)


def shades(side=112):
    """Pictures of known colours to learn from, of strange ones to be validated and tested on."""
    known = [*WARM, *COLD] * 6
    colours = known + [*STRANGE] * 6
    target = [int(colour in COLD) if colour not in STRANGE else STRANGE[colour] for colour in colours]
    split = ["train"] * len(known) + ["valid"] * 8 + ["test"] * 4
    return TaskData(
        info=TaskInfo(task="shades", subject="image", kind="classification", roles=("image",), classes=("warm", "cold"), metric="accuracy"),
        example_ids=tuple(f"{place:03d}" for place in range(len(colours))),
        texts={},
        media={"image": ("made", np.arange(len(colours)))},
        arrays={"made": {"pixels": pictures(colours, side), "size": np.full((len(colours), 2), 300, np.int32)}},
        target=np.asarray(target),
        split=np.asarray(split),
        groups=tuple(f"{place:03d}" for place in range(len(colours))),
    )


class Made:
    """A dataset made in memory."""

    digest, pairs, folder = "made", None, None

    def __init__(self, model, data):
        self.model, self.tasks = model, (data,)


def trained(run_dir, vectors, model="vision_service", side=112):
    preset = Preset(epochs=2, checkpoint_interval=1, min_steps_per_epoch=2, max_steps_per_epoch=2, batch_size=4, target_models=(model,))
    counts = TaskCounts(tasks={"shades": {"train": 24, "valid": 8, "test": 4}})
    return train_model(
        models()[model],
        dataset=Made(model, shades(side)),
        run_dir=run_dir,
        knowledge_dir=run_dir / "knowledge",
        plan=make_plan(run_dir, models={model: counts}, preset=preset, inventory=MACHINE, specs=models()),
        broker=LeaseBroker(run_dir / "leases", MACHINE),
        members=(model,),
        champions={},
        initial=None,
        sink=SilentSink(),
        vectors=vectors,
    )


def kept(encoder, state, log=lambda _: None):
    return KeptVectors("image", encoder, state=state, model="vision_service", log=log)


@pytest.mark.parametrize(("model", "side"), [("vision_service", 112), ("multimodal_service", 72)])
def test_beside_an_encoder_the_linear_part_knows_colours_of_no_training_picture_and_the_figures_say_so(model, side, encoder, tmp_path):
    alone = trained(tmp_path / "alone", None, model, side).results["tasks"][0]
    beside = trained(tmp_path / "beside", kept(encoder, tmp_path), model, side).results["tasks"][0]
    assert alone["encoder_linear"] is None
    assert beside["encoder_linear"]["without"] <= 0.75
    assert beside["encoder_linear"]["with"] == 1.0
    assert (beside["score"], beside["encoder_gain"], "linear" in beside["head"]) == (1.0, None, True)
    assert alone["baseline"] == beside["baseline"], "the reference has no encoder"


def test_a_version_gives_new_files_the_vectors_of_its_encoder_and_says_which_one_is_missing(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("UNIFIED_ASSETS_STATE", str(tmp_path / "state of another machine"))
    folder = trained(tmp_path / "run", kept(encoder, tmp_path)).folder
    files = [tmp_path / f"{place}.png" for place in range(2)]
    for file, pixels in zip(files, pictures([*STRANGE], 150), strict=True):
        Image.fromarray(pixels).save(file)
    assert [told["answer"] for told in load(folder).predict(files)] == ["warm", "cold"]
    with pytest.raises(NotExportable, match="vectors of a pretrained image encoder"):
        export(load(folder), tmp_path / "shades.pt", form="torchscript", task=None)
    shutil.rmtree(tmp_path / "encoders")
    with pytest.raises(encoders.EncoderMissing, match=r"image encoder tiny-vit .*UNIFIED_ASSETS_PRETRAINED_IMAGE"):
        load(folder).predict(files)
    monkeypatch.setenv("UNIFIED_ASSETS_PRETRAINED_IMAGE", str(encoder))
    assert [told["answer"] for told in load(folder).predict(files)] == ["warm", "cold"]
    assert not any(path.stat().st_size == (encoder / "model.safetensors").stat().st_size for path in folder.rglob("*.safetensors"))


def test_a_training_killed_and_resumed_beside_an_encoder_has_the_same_bits(encoder, tmp_path):
    whole = trained(tmp_path / "whole", kept(encoder, tmp_path / "one"))
    part = trained(tmp_path / "part", kept(encoder, tmp_path / "two"))
    shutil.rmtree(part.folder)
    home = tmp_path / "part" / "models" / "vision_service" / "checkpoints"
    shutil.rmtree(checkpoints.folder_of(home, checkpoints.newest(home)))
    resumed = trained(tmp_path / "part", kept(encoder, tmp_path / "two"))
    assert (resumed.folder / "weights.safetensors").read_bytes() == (whole.folder / "weights.safetensors").read_bytes()


def test_pictures_go_through_the_encoder_once_over_runs_told_apart_by_their_pixels(encoder, tmp_path):
    said = []
    red, blue, green = pictures([(1, 0, 0), (0, 0, 1), (0, 1, 0)], 40)
    first = kept(encoder, tmp_path, said.append).of([red, blue, red.copy()])
    again = kept(encoder, tmp_path, said.append).of([blue, red, green])
    assert said == ["2 pictures through tiny-vit", "1 pictures through tiny-vit"]
    assert np.array_equal(again[:2], first[1::-1])
    assert np.allclose(np.linalg.norm(again[:2], axis=1), 1.0, atol=1e-3)


def config(name, **fields):
    return getattr(transformers, name)(**fields)


@pytest.mark.parametrize(
    ("network", "fields", "width"),
    [
        ("Dinov2", {**SMALL}, 16),
        ("ResNet", {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1], "layer_type": "basic"}, 12),
        ("ConvNext", {"hidden_sizes": [8, 8, 8, 20], "depths": [1, 1, 1, 1]}, 20),
        ("CLIPVision", SMALL, 16),
        ("SiglipVision", SMALL, 16),
        ("CLIP", {"vision_config": SMALL, "text_config": {**SMALL, "vocab_size": 20}, "projection_dim": 12}, 12),
    ],
)
def test_every_family_of_image_encoders_gives_unit_vectors_that_depend_on_the_picture_without_torchvision(network, fields, width, tmp_path):
    torch.manual_seed(0)
    getattr(transformers, f"{network}Model")(config(f"{network}Config", **fields)).save_pretrained(tmp_path / "made")
    (tmp_path / "made" / "preprocessor_config.json").write_text(json.dumps(FORM))
    made = PictureEncoder(tmp_path / "made")
    found = made.of(list(pictures([(1, 0, 0), (0, 0, 1)], 40)))
    assert (made.width, found.shape, found.dtype) == (width, (2, width), np.float32)
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-4
    assert "torchvision" not in sys.modules


@pytest.mark.parametrize(
    ("form", "size"),
    [
        ({}, (32, 32)),
        ({"size": 24}, (24, 24)),
        ({"size": {"shortest_edge": 48}}, (48, 48)),
        ({"size": {"shortest_edge": 48}, "do_center_crop": True, "crop_size": {"height": 40, "width": 24}}, (40, 24)),
    ],
)
def test_a_picture_is_brought_into_the_form_that_the_folder_states(form, size, tmp_path):
    from unified_assets.learners.pretrained_image_torch import _Form

    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**FORM, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.25, 1.0], **form}))
    made = _Form(tmp_path)(np.full((50, 70, 3), 102, np.uint8))
    assert made.shape == (1, 3, *size)
    assert torch.allclose(made.mean(dim=(2, 3))[0], torch.tensor([0.6, 0.8, 0.1]), atol=1e-6)


@pytest.mark.parametrize(
    "form",
    ["", "[]", "{}", '{"size": 32}', json.dumps({**FORM, "size": 10**9}), json.dumps({**FORM, "image_mean": [1]}), json.dumps({**FORM, "size": {"a": 1}})],
)
def test_a_folder_that_does_not_say_what_a_picture_is_to_be_like_is_refused_with_the_fix(form, encoder, tmp_path):
    folder = tmp_path / "wrong"
    shutil.copytree(encoder, folder)
    (folder / "preprocessor_config.json").write_text(form)
    with pytest.raises(InvalidSetting, match=r"pretrained_image.*preprocessor_config\.json"):
        PictureEncoder(folder)


def test_an_encoder_of_texts_is_refused_for_pictures(tmp_path):
    torch.manual_seed(0)
    text = transformers.BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    transformers.BertModel(text).save_pretrained(tmp_path / "made")
    (tmp_path / "made" / "preprocessor_config.json").write_text(json.dumps(FORM))
    with pytest.raises(InvalidSetting, match="pretrained_image"):
        PictureEncoder(tmp_path / "made")
