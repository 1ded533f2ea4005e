"""The three media models: they learn, they give back what they were, they take peers' answers."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from unified_assets.core.contracts import TaskData, TaskInfo
from unified_assets.core.media import DecodedAudio, DecodedDocument, DecodedImage, DecodedVideo, Page
from unified_assets.learners.media_reference_torch import LINEAR_ALONE, NETWORK_ALONE
from unified_assets.models.audio_service import MODEL as AUDIO
from unified_assets.models.multimodal_service import MODEL as MULTIMODAL
from unified_assets.models.vision_service import MODEL as VISION
from unified_assets.training import checkpoints
from unified_assets.training.retrieval import retrieval
from unified_assets.training.state import Progress, TrainingState

RATE = 8000


def picture(kind: int, seed: int) -> DecodedImage:
    """Stripes that stand or lie, on noise."""
    noise = np.random.default_rng(seed).integers(0, 60, (60, 60, 3))
    stripes = (np.arange(60) // 6 % 2 * 150)[:, None]
    pixels = (noise + (stripes if kind else stripes.T)[..., None]).astype(np.uint8)
    return DecodedImage(pixels=pixels, original_width=60, original_height=60)


def sound(kind: int, seed: int) -> DecodedAudio:
    """A rising or a falling tone, in noise."""
    generator = np.random.default_rng(seed)
    pitch = np.linspace(500, 2500, RATE // 2)
    tone = np.sin(2 * np.pi * np.cumsum(pitch if kind else pitch[::-1]) / RATE)
    samples = (0.3 * tone + 0.02 * generator.standard_normal(RATE // 2)).astype(np.float32)
    return DecodedAudio(samples=samples[:, None], sample_rate_hz=RATE)


def clip(kind: int, seed: int) -> DecodedVideo:
    frames = np.stack([np.roll(picture(kind, seed).pixels, step, axis=1) for step in range(5)])
    return DecodedVideo(frames=frames, times_s=np.arange(5.0), fps=1.0, duration_s=5.0, sound=sound(kind, seed) if seed % 2 else None)


def page(kind: int, seed: int) -> DecodedDocument:
    return DecodedDocument(pages=(Page(image=picture(kind, seed).pixels, text=""),))


MAKERS = {"image": picture, "audio": sound, "video": clip, "page": page}


def task_of(spec, role: str, count: int = 64, **more) -> TaskData:
    encoder = spec.encoders[role]
    encoded = [encoder.encode(MAKERS[role](index % 2, index), None) for index in range(count)]
    arrays = {name: np.stack([values[name] for values in encoded]).astype(dtype) for name, (dtype, _) in encoder.arrays.items()}
    info = TaskInfo(task=f"{role} task", subject=role, kind="classification", roles=(role,), classes=("one", "two"), metric="accuracy")
    return TaskData(
        info=replace(info, **more),
        example_ids=tuple(f"e{index:03d}" for index in range(count)),
        texts={},
        media={role: (encoder.name, np.arange(count))},
        arrays={encoder.name: arrays},
        target=np.arange(count) % 2,
        split=np.asarray(["train"] * (count - 20) + ["test"] * 20),
    )


def train(spec, tasks, steps: int, pairs=None, seed: int = 0):
    """A learner whose network answers alone."""
    torch.manual_seed(seed)
    learner = spec.build(json.loads(json.dumps(spec.blueprint(tasks, pairs))))
    learner.fit_statistics(tasks, pairs)
    optimizers = learner.optimizers(2e-3)
    generator = np.random.default_rng(seed)
    for step in range(steps):
        data = tasks[step % len(tasks)]
        for optimizer in optimizers:
            optimizer.zero_grad()
        learner.loss(data, generator.choice(data.rows("train"), 16, replace=False)).backward()
        for optimizer in optimizers:
            optimizer.step()
    return by_network(learner)


def by_network(learner):
    for reference in learner.reference.values():
        reference.mix.copy_(torch.tensor(NETWORK_ALONE))
    return learner


def accuracy(learner, data: TaskData) -> float:
    rows = data.rows("test")
    answers = learner.predict(data, rows).answers
    return float(np.mean([data.info.classes[index] == answer for index, answer in zip(data.target[rows], answers, strict=True)]))


@pytest.mark.parametrize(
    ("spec", "role"),
    [(VISION, "image"), (VISION, "page"), (VISION, "video"), (AUDIO, "audio"), (MULTIMODAL, "image"), (MULTIMODAL, "audio"), (MULTIMODAL, "video")],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_model_learns_what_a_role_shows(spec, role):
    data = task_of(spec, role, 52)
    assert accuracy(train(spec, [data], 12 if role == "video" else 24), data) >= 0.9


@pytest.mark.parametrize(("spec", "role"), [(VISION, "image"), (AUDIO, "audio"), (MULTIMODAL, "video")], ids=lambda value: getattr(value, "name", value))
def test_blueprint_and_weights_give_back_the_same_answers(spec, role):
    data = task_of(spec, role, 40)
    learner = train(spec, [data], 4)
    copy = spec.build(json.loads(json.dumps(learner.blueprint)))
    copy.load_state_dict(learner.state_dict())
    rows = data.rows("test")
    assert np.array_equal(learner.predict(data, rows).log_probs, copy.predict(data, rows).log_probs)


def in_training(spec, data) -> TrainingState:
    """A model after one step, with averaged weights."""
    torch.manual_seed(0)
    learner = spec.build(json.loads(json.dumps(spec.blueprint([data], None))))
    learner.fit_statistics([data], None)
    by_network(learner)
    more = {"best": {}, "progress": Progress(), "generator": np.random.default_rng(0), "torch_random": torch.get_rng_state()}
    state = TrainingState(learner=learner, optimizers=learner.optimizers(2e-3), average=[], **more)
    state.start_average()
    learner.loss(data, data.rows("train")[:16]).backward()
    for optimizer in state.optimizers:
        optimizer.step()
    state.average_step()
    state.best = state.weights()
    return state


def layouts(state: TrainingState) -> list:
    """The strides of every tensor that a round computes with."""
    learned = [(one.state, value) for one in state.optimizers for group in one.param_groups for value in group["params"]]
    moments = [(name, value.stride()) for found, parameter in learned for name, value in sorted(found.get(parameter, {}).items())]
    return [[value.stride() for value in state.moving()], [value.stride() for value in state.average], moments]


@pytest.mark.parametrize(("spec", "role"), [(VISION, "image"), (AUDIO, "audio"), (MULTIMODAL, "video")], ids=lambda value: getattr(value, "name", value))
def test_a_state_read_from_its_checkpoint_answers_with_the_same_bits(tmp_path, spec, role):
    data = task_of(spec, role, 40)
    state = in_training(spec, data)

    def fresh():
        learner = spec.build(json.loads(json.dumps(state.learner.blueprint)))
        return learner, learner.optimizers(2e-3)

    again = checkpoints.load(checkpoints.save(state, tmp_path, reuse_best=False), fresh)
    assert layouts(again) == layouts(state)
    with state.averaged() as one, again.averaged() as other:
        assert np.array_equal(one.predict(data, np.arange(40)).log_probs, other.predict(data, np.arange(40)).log_probs)


def test_the_same_seed_gives_the_same_weights():
    data = task_of(VISION, "image", 40)
    first, second = (train(VISION, [data], 3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(("spec", "role"), [(VISION, "image"), (AUDIO, "audio"), (MULTIMODAL, "audio")], ids=lambda value: getattr(value, "name", value))
def test_a_model_learns_from_its_peers_answers_on_pairs(spec, role):
    data = task_of(spec, role)
    unlabelled = replace(data, target=None)
    soft = np.eye(2, dtype=np.float32)[np.asarray(data.target)] * 0.9 + 0.05
    torch.manual_seed(0)
    learner = spec.build(spec.blueprint([data], None))
    learner.fit_statistics([data], None)
    (optimizer,) = learner.optimizers(2e-3)
    for step in range(24):
        rows = data.rows("train")[step % 3 :: 3]
        optimizer.zero_grad()
        learner.loss(unlabelled, rows, soft[rows]).backward()
        optimizer.step()
    learner.settle([data])  # there is no validation row
    assert learner.head_of(data.info.task) == "network"
    assert accuracy(learner, data) >= 0.9


def pairs_of_pictures_and_sounds(count: int = 48) -> TaskData:
    pictures, sounds = task_of(MULTIMODAL, "image", count), task_of(MULTIMODAL, "audio", count)
    index = np.arange(count)
    media = {**pictures.media, "audio": ("audio_mel", np.where(index % 8 == 7, -1, index))}
    return replace(pictures, media=media, arrays={**pictures.arrays, **sounds.arrays}, target=None)


def test_what_occurs_together_comes_together():
    pairs, data = pairs_of_pictures_and_sounds(), task_of(MULTIMODAL, "image", 40)
    torch.manual_seed(0)
    learner = MULTIMODAL.build(MULTIMODAL.blueprint([data], pairs))
    (optimizer,) = learner.optimizers(2e-3)
    losses = []
    for _ in range(25):
        learner.train()
        optimizer.zero_grad()
        loss = learner.pair_loss(pairs, np.arange(24))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.85 * np.mean(losses[:3])


def test_a_held_out_file_finds_what_belongs_to_it_beyond_chance():
    whole = pairs_of_pictures_and_sounds(96)
    pairs, data = replace(whole, split=np.asarray(["train"] * 64 + ["test"] * 32)), task_of(MULTIMODAL, "image", 40)
    torch.manual_seed(0)
    learner = MULTIMODAL.build(MULTIMODAL.blueprint([data], pairs))
    untrained = retrieval(learner, pairs)
    (optimizer,) = learner.optimizers(2e-3)
    for _ in range(25):
        learner.train()
        optimizer.zero_grad()
        learner.pair_loss(pairs, np.arange(32)).backward()
        optimizer.step()
    found = retrieval(learner, pairs)
    assert [(row["query"], row["answer"], row["candidates"]) for row in found] == [("audio", "image", 28), ("image", "audio", 28)]
    assert all(row["recall_at_5"] >= 1.5 * row["chance_at_5"] for row in found)  # of two kinds: twice chance is all there is
    assert retrieval(learner, pairs) == found
    assert untrained != found


def aligned(few: int = 6, rest: str = "left") -> tuple[TaskData, TaskData, object]:
    """Few labelled pictures, many pairs, and a learner that has seen the pairs alone. `rest`: side of 40 pictures less the few."""
    pairs, data = pairs_of_pictures_and_sounds(64), task_of(MULTIMODAL, "image", 60)
    data = replace(data, split=np.asarray(["train"] * few + [rest] * (40 - few) + ["test"] * 20))
    torch.manual_seed(0)
    learner = MULTIMODAL.build(MULTIMODAL.blueprint([data], pairs))
    learner.fit_statistics([data], pairs)
    (optimizer,) = learner.optimizers(2e-3)
    for _ in range(20):
        optimizer.zero_grad()
        learner.pair_loss(pairs, np.arange(32)).backward()
        optimizer.step()
    learner.settle([data])
    return data, pairs, learner


def test_few_labels_are_read_in_the_space_of_many_pairs():
    data, pairs, learner = aligned()
    learner.settle_space([data], pairs, {"image", "audio"}, weigh=True)
    assert learner.head_of("image task").startswith("nearest class in the space of pairs")
    assert accuracy(learner, data) == 1.0
    copy = MULTIMODAL.build(json.loads(json.dumps(learner.blueprint)))
    copy.load_state_dict(learner.state_dict())
    rows = data.rows("test")
    assert np.array_equal(copy.predict(data, rows).log_probs, learner.predict(data, rows).log_probs)


@pytest.mark.parametrize(("few", "kinds"), [(6, {"audio"}), (6, set()), (39, {"image", "audio"})], ids=["of another kind", "not proven", "few pairs"])
def test_a_space_that_proves_nothing_or_has_few_pairs_does_not_answer(few, kinds):
    data, pairs, learner = aligned(few)
    pairs = replace(pairs, split=np.asarray(["train"] * 32 + ["test"] * 32))
    before = learner.predict(data, data.rows("test")).log_probs
    learner.settle_space([data], pairs, kinds, weigh=True)
    assert "space" not in learner.head_of("image task")
    assert np.array_equal(learner.predict(data, data.rows("test")).log_probs, before)


def test_a_champion_whose_pairs_are_gone_does_not_answer_by_their_space():
    data, pairs, learner = aligned()
    learner.settle_space([data], pairs, {"image", "audio"}, weigh=True)
    learner.settle_space([data], None, set(), weigh=True)
    assert "space" not in learner.head_of("image task")


@pytest.mark.parametrize("weigh", [True, False])
def test_classes_of_an_earlier_space_do_not_answer_where_rows_show_one_class(weigh):
    data, pairs, learner = aligned()
    learner.settle_space([data], pairs, {"image", "audio"}, weigh=True)
    learner.settle_space([replace(data, target=np.zeros(60, np.int64))], pairs, {"image", "audio"}, weigh=weigh)
    assert "space" not in learner.head_of("image task")


def test_the_space_does_not_answer_where_validation_is_clearly_better_without_it():
    data, pairs, learner = aligned(rest="valid")
    with torch.no_grad():
        learner.project["image"].weight.zero_()  # all pictures in one place
    learner.settle_space([data], pairs, {"image", "audio"}, weigh=True)
    assert learner.head_of("image task") == "linear"
    assert accuracy(learner, data) >= 0.9


def test_a_refit_fits_the_classifier_on_the_space_anew_and_leaves_its_weight():
    data, pairs, learner = aligned()
    learner.settle_space([data], pairs, {"image", "audio"}, weigh=True)
    (key,) = learner.placed.keys()
    mix, fitted = learner.placed[key].mix.clone(), learner.placed[key].whole_weight.clone()
    with torch.no_grad():
        learner.project["image"].weight.mul_(-1.0)
        learner.project["image"].bias.mul_(-1.0)
    learner.settle_space([data], pairs, {"image", "audio"}, weigh=False)
    assert torch.equal(learner.placed[key].mix, mix)
    assert torch.allclose(learner.placed[key].whole_weight, -fitted, atol=1e-4)
    assert accuracy(learner, data) == 1.0


def test_pairs_of_one_kind_alone_have_no_contrast():
    data = task_of(MULTIMODAL, "image", 16)
    learner = MULTIMODAL.build(MULTIMODAL.blueprint([data], None))
    assert learner.pair_loss(replace(data, target=None), np.arange(16)) is None


def test_other_classes_make_another_head():
    data = task_of(VISION, "image", 24)
    renamed = replace(data, info=replace(data.info, classes=("one", "three")))
    first, second = (VISION.build(VISION.blueprint([each], None)).state_dict() for each in (data, renamed))
    shared = {name for name in first if name in second}
    assert not [name for name in shared if name.startswith(("heads.", "wide.", "reference."))]
    assert [name for name in shared if name.startswith("trunk.")]


def test_digits_are_not_mirrored_and_things_are():
    data = task_of(VISION, "image", 24)
    digits = replace(data, info=replace(data.info, classes=("6", "9")))
    flips = [VISION.blueprint([each], None)["tasks"][0]["strength"]["flip"] for each in (data, digits)]
    assert flips == [1.0, 0.0]


@pytest.mark.parametrize(("spec", "role"), [(VISION, "image"), (VISION, "page"), (VISION, "video"), (AUDIO, "audio"), (MULTIMODAL, "video")])
def test_the_reference_beats_the_majority_where_there_is_something_to_see(spec, role):
    score = spec.baseline(task_of(spec, role))
    assert score.majority == 0.5
    assert score.baseline is not None
    assert score.baseline >= 0.9
    assert len(score.predictions) == 20


def test_a_reference_with_one_class_to_learn_from_is_the_constant():
    data = task_of(AUDIO, "audio", 40)
    score = AUDIO.baseline(replace(data, target=np.where(data.split == "train", 0, data.target)))
    assert (score.method, score.baseline) == ("constant", 0.5)


def test_decode_workers_do_not_load_torch():
    names = ", ".join(f"unified_assets.models.{name}_service" for name in ("vision", "audio", "multimodal"))
    code = f"import sys, {names}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def scenes_with_sentences(count: int = 160) -> TaskData:
    """Panels of one to three squares, and whether so many of a colour are there."""
    generator, encoder = np.random.default_rng(4), MULTIMODAL.encoders["image"]
    things = np.full((count, *encoder.arrays["things"][1]), -1, np.float32)
    sentences, target = [], []
    for row in range(count):
        colours = generator.integers(0, 3, 3)
        for place, colour in enumerate(colours):
            things[row, place] = [place, colour, 0, 0.04, 0.5, 0.5, 0, 0, 0]
        number, colour = int(generator.integers(1, 4)), int(generator.integers(0, 3))
        sentences.append(f"There are exactly {number} {('black', 'red', 'yellow')[colour]} squares")
        target.append(int((colours == colour).sum() == number))
    side = encoder.arrays["pixels"][1]
    arrays = {"pixels": np.zeros((count, *side), np.uint8), "size": np.full((count, 2), 100, np.int32), "things": things}
    return TaskData(
        info=TaskInfo(task="scenes", subject="image_text", kind="classification", roles=("image", "text"), classes=("false", "true"), metric="accuracy"),
        example_ids=tuple(f"e{index:03d}" for index in range(count)),
        texts={"text": sentences},
        media={"image": (encoder.name, np.arange(count))},
        arrays={encoder.name: arrays},
        target=np.asarray(target),
        split=np.asarray(["train"] * (count - 60) + ["test"] * 60),
    )


def test_what_a_sentence_claims_of_a_drawn_scene_decides_and_no_picture_tower_is_asked():
    data = scenes_with_sentences()
    assert MULTIMODAL.blueprint([data], None)["tasks"][0]["drawn"] is True
    learner = train(MULTIMODAL, [data], 60)
    assert accuracy(learner, data) >= 0.95
    assert all(value.grad is None for value in learner.towers["image"].parameters())
    assert MULTIMODAL.baseline(data).method.startswith("sentence slots")


def test_quick_answers_on_pairs_are_of_one_look_and_have_the_same_form():
    for spec, role in ((VISION, "image"), (AUDIO, "audio")):
        data = task_of(spec, role, 40)
        learner, rows = train(spec, [data], 4), np.arange(8)
        quick, whole = learner.quick_predict(data, rows), learner.predict(data, rows)
        assert quick.log_probs.shape == whole.log_probs.shape
        assert not np.array_equal(quick.log_probs, whole.log_probs)
        assert np.abs(np.exp(quick.log_probs).sum(axis=1) - 1).max() < 1e-5


HEADS = [(VISION, "image"), (VISION, "page"), (VISION, "video"), (AUDIO, "audio"), (MULTIMODAL, "image"), (MULTIMODAL, "video")]


@pytest.mark.parametrize(("spec", "role"), HEADS, ids=lambda value: getattr(value, "name", value))
def test_before_a_step_the_linear_reference_answers_and_knows_as_much_as_the_baseline(spec, role):
    data = task_of(spec, role)
    learner = spec.build(spec.blueprint([data], None))
    learner.fit_statistics([data], None)
    assert learner.head_of(data.info.task) == "linear"
    assert accuracy(learner, data) >= spec.baseline(data).baseline


def test_what_only_the_validation_part_shows_is_known_to_the_baseline_and_to_the_linear_reference():
    data = task_of(VISION, "page", 60, classes=("one", "three", "two"))
    ((name, arrays),) = data.arrays.items()
    third = np.arange(60) % 5 == 4
    pixels = np.where(third[:, None, None, None], np.random.default_rng(0).integers(0, 255, arrays["pixels"].shape), arrays["pixels"]).astype(np.uint8)
    target = np.where(third, 1, 2 * np.asarray(data.target))
    data = replace(data, arrays={name: arrays | {"pixels": pixels}}, target=target, split=np.where(third & (data.split == "train"), "valid", data.split))
    learner = VISION.build(VISION.blueprint([data], None))
    learner.fit_statistics([data], None)
    rows = data.rows("test")
    wanted = [data.info.classes[index] for index in target[rows]]
    assert wanted.count("three") == 4
    assert list(VISION.baseline(data).predictions) == wanted
    assert learner.predict(data, rows).answers == wanted
    assert "three" not in learner.predict(data, data.rows("valid")).answers  # answered without what they show


def with_validation(data: TaskData) -> TaskData:
    return replace(data, split=np.where(np.arange(len(data)) < 16, "valid", data.split))


@pytest.mark.parametrize(("spec", "role"), [(VISION, "image"), (AUDIO, "audio"), (MULTIMODAL, "audio")], ids=lambda value: getattr(value, "name", value))
def test_a_network_that_learned_nothing_does_not_count(spec, role):
    data = with_validation(task_of(spec, role))
    learner = train(spec, [data], 0)
    learner.settle([data])
    assert learner.reference_of(data.info.task).weights() == LINEAR_ALONE
    assert accuracy(learner, data) >= 0.9


def test_a_network_counts_where_validation_shows_that_the_linear_reference_lacks_something():
    data = with_validation(task_of(VISION, "image"))
    learner = train(VISION, [data], 24)
    reference = learner.reference_of(data.info.task)
    reference.weight.copy_(-reference.weight)
    reference.bias.zero_()
    learner.settle([data])
    assert learner.head_of(data.info.task) == "network"
    assert accuracy(learner, data) >= 0.9


def test_without_validation_rows_the_head_stays_linear():
    data = task_of(AUDIO, "audio", 40)
    learner = AUDIO.build(AUDIO.blueprint([data], None))
    learner.fit_statistics([data], None)
    learner.settle([data])
    assert learner.head_of(data.info.task) == "linear"


def test_a_model_made_before_there_were_references_answers_by_its_network():
    data = task_of(VISION, "image", 40)
    learner = train(VISION, [data], 4)
    old = {name: value for name, value in learner.state_dict().items() if not name.startswith("reference.")}
    copy = VISION.build(learner.blueprint)
    copy.load_state_dict(old)
    assert copy.head_of(data.info.task) == "network"
    rows = data.rows("test")
    assert np.array_equal(copy.predict(data, rows).log_probs, learner.predict(data, rows).log_probs)


def test_scenes_with_sentences_have_no_linear_reference():
    data = scenes_with_sentences(80)
    learner = MULTIMODAL.build(MULTIMODAL.blueprint([data], None))
    learner.settle([data])
    assert learner.reference_of("scenes") is None
    assert learner.head_of("scenes") == "network"
