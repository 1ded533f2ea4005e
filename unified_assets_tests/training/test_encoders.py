"""A giver that learns from pairs by itself, and an ear with few labels that goes on from its trunk."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_models as tiny
import torch
from safetensors.torch import load_file

from unified_assets.core.errors import CorruptCheckpoint, YieldStep
from unified_assets.training.encoders import FILE, has_few_labels, receive
from unified_assets.training.orders import RoundOrder
from unified_assets.training.state import Progress, TrainingState

PRESET = tiny.QUICK.model_copy(update={"exchange": ("encoders",)})
PAIRS, HELD = 200, 40


class Sharing(tiny.VectorLearner):
    """Its trunk is that of images."""

    def trunks(self):
        return {"image": self.trunk}


class Aligned(Sharing):
    """Both sides of its pairs are the vectors it is shown; of wrong pairs the second side is another pair's."""

    def pair_loss(self, pairs, rows):
        return self.trunk(torch.from_numpy(pairs.gather("image", "x", rows))).square().mean()

    def sides_of(self, pairs):
        return [("image", "image"), ("sound", "audio")]

    def has_side(self, pairs, side):
        return np.ones(len(pairs), bool)

    def embed_side(self, pairs, side, rows):
        shown = np.roll(rows, len(rows) // 2) if side[1] == "audio" and self.blueprint["wrong"] else rows
        return pairs.gather("image", "x", shown)


def specs(*, wrong=False):
    giver = tiny.spec(
        "arm",
        ["ear"],
        pair_roles=("image", "audio"),
        build=Aligned,
        blueprint=lambda tasks, pairs: {"tasks": [data.info.as_dict() for data in tasks], "wrong": wrong},
    )
    return {"arm": giver, "ear": tiny.spec("ear", ["arm"], build=Sharing)}


def data_of(model, *, labels=3):
    found = tiny.dataset(model, per_class=labels, noise=2.0, pairs=PAIRS)
    return replace(found, pairs=replace(found.pairs, split=np.asarray(["train"] * (PAIRS - HELD) + ["test"] * HELD)))


def train(run_dir, order=("arm", "ear"), *, wrong=False, labels=3, preset=PRESET):
    """Both in turns, in this order. Returns the folder of each and what was logged."""
    folders, log = {}, []
    sink = type("Sink", (tiny.SilentSink,), {"log": lambda _self, line: log.append(line)})()
    while len(folders) < 2:
        for model in order:
            try:
                data = data_of(model, labels=60 if model == "arm" else labels)
                folders[model] = tiny.train(
                    model, run_dir, data=data, preset=preset, specs=specs(wrong=wrong), members=("arm", "ear"), stall_s=0.1, sink=sink
                ).folder
            except YieldStep:
                continue
    return {model: (folder / "weights.safetensors").read_bytes() for model, folder in folders.items()}, log


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("shared")
    return run_dir, *train(run_dir)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return train(tmp_path_factory.mktemp("alone"), preset=tiny.QUICK.model_copy(update={"exchange": ()}))[0]


def test_a_model_with_few_labels_goes_on_from_its_peers_trunk(shared, alone):
    run_dir, weights, log = shared
    assert weights["arm"] == alone["arm"]  # it only gives
    assert weights["ear"] != alone["ear"]
    assert [line for line in log if "trunk" in line] == [f"round {index}: goes on from the image trunk of arm" for index in (2, 3)]
    rounds = [json.loads(line) for line in (run_dir / "rounds" / "ear.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["peers"] for row in rounds if not row["refit"]] == [[], ["arm"], ["arm"]]
    last = load_file(str(run_dir / "models" / "ear" / "checkpoints" / "round_0003" / "weights.safetensors"))
    given = load_file(str(run_dir / "knowledge" / "round_0002" / "arm" / FILE))
    for name in ("0.weight", "0.bias", "1.weight", "1.bias"):
        assert torch.equal(last[f"trunk.{name}"], given[f"image/{name}"]), name
    slot = run_dir / "knowledge" / "round_0001" / "arm"
    assert sorted(load_file(str(slot / FILE)))[:2] == ["image/0.bias", "image/0.weight"]
    assert not (run_dir / "knowledge" / "round_0003" / "arm" / FILE).exists()  # nobody reads those
    assert json.loads((slot / "knowledge.json").read_text())["tasks"] == []


def test_the_order_of_the_steps_changes_no_bit(tmp_path, shared):
    assert train(tmp_path, ("ear", "arm"))[0] == shared[1]


def test_a_space_that_finds_no_partner_among_held_out_pairs_gives_nothing(tmp_path, alone):
    weights, log = train(tmp_path, wrong=True)
    assert weights == alone
    assert not list(tmp_path.rglob(FILE))
    assert not [line for line in log if "trunk" in line]


def test_a_model_with_as_many_labels_as_pairs_keeps_its_own(tmp_path):
    shared, _ = train(tmp_path / "a", labels=40)
    alone, _ = train(tmp_path / "b", labels=40, preset=tiny.QUICK.model_copy(update={"exchange": ()}))
    assert shared["ear"] == alone["ear"]
    assert has_few_labels(data_of("ear", labels=39).tasks, data_of("ear").pairs)
    assert not has_few_labels(data_of("ear", labels=40).tasks, data_of("ear").pairs)
    assert not has_few_labels(data_of("ear").tasks, None)


def test_an_ablation_trains_both_with_the_channel_and_without(tmp_path):
    train(tmp_path, preset=PRESET.model_copy(update={"ablation_seeds": 2}))
    for model in ("arm", "ear"):
        results = json.loads((tmp_path / "models" / model / "final" / "results.json").read_text())
        parts = [(part["channels"], part["seed"]) for part in results["tasks"][0]["ablation"]]
        assert parts == [([], 7), ([], 8), (["encoders"], 8), (["encoders"], 7)]


def state_of(learner):
    optimizers = learner.optimizers(1e-2)
    state = TrainingState(
        learner=learner, optimizers=optimizers, average=[], best={}, progress=Progress(), generator=np.random.default_rng(0), torch_random=torch.get_rng_state()
    )
    state.start_average()
    data = data_of("ear").tasks[0]
    learner.loss(data, data.rows("train")).backward()
    optimizers[0].step()
    state.average_step()
    return state


def order_of(tmp_path, tensors):
    from safetensors.torch import save_file

    (tmp_path / "arm").mkdir(exist_ok=True)
    save_file(tensors, str(tmp_path / "arm" / FILE))
    data = data_of("ear")
    return RoundOrder(
        spec=specs()["ear"],
        plan=None,
        preset=PRESET,
        tasks=data.tasks,
        pairs=data.pairs,
        round_index=2,
        checkpoints=tmp_path,
        knowledge_dir=tmp_path,
        peers={"arm": tmp_path / "arm"},
        log=lambda _line: None,
    )


def test_what_agrees_in_name_and_shape_is_taken_with_its_average_and_the_optimiser_forgets_it(tmp_path):
    learner = Sharing({"tasks": [data_of("ear").tasks[0].info.as_dict()]})
    state = state_of(learner)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    tensors = {"image/0.weight": torch.full((24, tiny.WIDTH), 0.5), "image/0.bias": torch.ones(7), "image/1.running_mean": torch.full((24,), 2.0)}
    tensors |= {"image/9.weight": torch.ones(3), "audio/1.weight": torch.ones(24)}
    assert receive(order_of(tmp_path, tensors), state, taught=True) == ()  # lessons tell it more of the same pairs
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    assert receive(order_of(tmp_path, tensors), state, taught=False) == ("arm",)
    after = learner.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"trunk.0.weight", "trunk.1.running_mean"}
    assert float(after["trunk.0.weight"].mean()) == 0.5
    place = next(place for place, value in enumerate(state.moving()) if value is learner.trunk[0].weight)
    assert (float(state.average[place].mean()), state.progress.updates[place]) == (0.5, 0)
    assert state.progress.updates.count(0) == 2
    assert learner.trunk[0].weight not in state.optimizers[0].state
    assert learner.trunk[0].bias in state.optimizers[0].state
    assert [value is learner.trunk[0].weight for value in state.kept] == [True]
    receive(order_of(tmp_path, tensors), state, taught=True)
    assert state.kept == ()


def test_trunks_that_cannot_be_read_are_an_error_by_name(tmp_path):
    order = order_of(tmp_path, {"image/0.weight": torch.zeros(1)})
    (tmp_path / "arm" / FILE).write_bytes(b"no safetensors")
    with pytest.raises(CorruptCheckpoint, match=FILE):
        receive(order, state_of(Sharing({"tasks": [data_of("ear").tasks[0].info.as_dict()]})), taught=False)
