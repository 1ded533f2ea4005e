"""After the last round the best weights go on with the validation rows too; what these have decided stays."""

import json

import numpy as np
import pytest
import tiny_models as tiny
import torch
from safetensors.torch import load_file

from unified_assets.core.contracts import SilentSink
from unified_assets.training import computing, merge_logs
from unified_assets.training.results import VALIDATED

WITHOUT = tiny.QUICK.model_copy(update={"refit": False})


class Noting(tiny.VectorLearner):
    """Notes the side of every row that it learns from."""

    sides = ()

    def loss(self, data, rows, soft_targets=None):
        if soft_targets is None:
            Noting.sides = (*Noting.sides, set(data.split[rows]))
        return super().loss(data, rows, soft_targets)


class Afraid(tiny.VectorLearner):
    """Its loss is not a number where it meets a validation row."""

    def loss(self, data, rows, soft_targets=None):
        loss = super().loss(data, rows, soft_targets)
        return loss * float("nan") if (data.split[rows] == "valid").any() else loss


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The same model with a refit and without."""
    home = tmp_path_factory.mktemp("refit")
    return tiny.train("ear", home / "with", members=("ear",)), tiny.train("ear", home / "without", members=("ear",), preset=WITHOUT)


def weights(folder, name="weights.safetensors"):
    return load_file(str(folder / name))


def test_validation_rows_are_learned_from_after_the_last_round_and_not_before(tmp_path):
    Noting.sides = ()
    tiny.train("ear", tmp_path, members=("ear",), specs={"ear": tiny.spec("ear", build=Noting)})
    assert len(Noting.sides) == 72 + 9
    assert set().union(*Noting.sides[:72]) == {"train"}
    assert set().union(*Noting.sides[72:]) == {"train", "valid"}
    Noting.sides = ()
    tiny.train("ear", tmp_path / "off", members=("ear",), specs={"ear": tiny.spec("ear", build=Noting)}, preset=WITHOUT)
    assert set().union(*Noting.sides) == {"train"}


def test_the_weights_from_before_are_kept_and_what_validation_decided_is_in_both(trained):
    refitted, plain = trained
    before, after = weights(refitted.folder, VALIDATED), weights(refitted.folder)
    assert (refitted.folder / VALIDATED).read_bytes() == (plain.folder / "weights.safetensors").read_bytes()
    assert not (plain.folder / VALIDATED).exists()
    assert not torch.equal(before["trunk.0.weight"], after["trunk.0.weight"])
    assert float(before["sure"]) == float(after["sure"]) != 1.0
    assert torch.equal(before["mean"], after["mean"])
    assert [refitted.results[key] == plain.results[key] for key in ("best_round", "rounds")] == [True, True]
    assert [outcome.results["refit"] for outcome in trained] == [True, None]


def test_the_scores_are_those_of_the_weights_that_are_registered(trained):
    outcome, data = trained[0], tiny.dataset("ear").tasks[0]
    learner = tiny.SPECS["ear"].build(json.loads((outcome.folder / "model.json").read_text())["blueprint"])
    learner.load_state_dict(weights(outcome.folder))
    rows = data.rows("test")
    right = np.asarray(learner.predict(data, rows).answers) == np.asarray(tiny.CLASSES)[data.target[rows]]
    assert outcome.results["tasks"][0]["score"] == float(right.mean())


def test_a_refit_that_diverges_leaves_the_weights_from_before(tmp_path, trained):
    said = []

    class Sink(SilentSink):
        def log(self, message):
            said.append(message)

    outcome = tiny.train("ear", tmp_path, members=("ear",), specs={"ear": tiny.spec("ear", build=Afraid)}, sink=Sink())
    assert (outcome.folder / "weights.safetensors").read_bytes() == (trained[1].folder / "weights.safetensors").read_bytes()
    assert not (outcome.folder / VALIDATED).exists()
    assert outcome.results["refit"] is False
    assert said[-1].endswith("The weights from before it stay.")
    assert merge_logs(tmp_path)[0]["steps"].to_list() == [24, 24, 24, 0]


def test_a_model_that_was_refitted_and_killed_before_its_figures_is_not_refitted_again(tmp_path, trained, monkeypatch):
    class Killed(BaseException):
        pass

    def die(self, order, closing):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(computing.Here, "finish", die)
        with pytest.raises(Killed):
            tiny.train("ear", tmp_path, members=("ear",))
    assert sorted(path.name for path in (tmp_path / "models/ear/checkpoints").glob("round_*")) == ["round_0003", "round_0004"]
    again = tiny.train("ear", tmp_path, members=("ear",), locks=tmp_path / "second")
    assert (again.folder / "weights.safetensors").read_bytes() == (trained[0].folder / "weights.safetensors").read_bytes()
    assert merge_logs(tmp_path)[1]["round"].to_list() == [0, 1, 2, 3, 4, -1, 4, 4]  # twice for the figures alone
    assert again.results["tasks"] == trained[0].results["tasks"]


def test_a_model_that_stopped_early_is_refitted_too(tmp_path):
    preset = tiny.QUICK.model_copy(update={"epochs": 12, "patience": 1})
    outcome = tiny.train("ear", tmp_path, members=("ear",), preset=preset, data=tiny.dataset("ear", noise=2.5, per_class=8))
    rounds = merge_logs(tmp_path)[0]
    assert outcome.rounds < 6
    assert rounds["refit"].to_list() == [False] * outcome.rounds + [True]
    assert rounds["steps"].to_list()[-1] == outcome.rounds * 24 // 8


def test_without_validation_rows_there_is_nothing_to_refit_on(tmp_path):
    data = tiny.dataset("ear")
    task = tiny.task_data(data.tasks[0].arrays["vector"]["x"], data.tasks[0].target, np.where(data.tasks[0].split == "valid", "train", data.tasks[0].split))
    alone = tiny.MemoryDataset(model="ear", digest="no validation", tasks=(task,), pairs=None)
    outcome = tiny.train("ear", tmp_path, members=("ear",), data=alone)
    assert outcome.results["refit"] is None
    assert merge_logs(tmp_path)[0]["refit"].to_list() == [False, False, False]


def test_a_retraining_starts_from_weights_that_have_not_learned_validation_rows(tmp_path, trained):
    from unified_assets.training.carry import carry_over

    learner = tiny.SPECS["ear"].build(json.loads((trained[0].folder / "model.json").read_text())["blueprint"])
    carry_over(learner, trained[0].folder)
    assert torch.equal(learner.trunk[0].weight, weights(trained[1].folder)["trunk.0.weight"])


class Started(tiny.VectorLearner):
    """Starts from a head's bias, and is told in its refit what that was."""

    told = ()

    def started(self):
        return {"bias": self.heads[0].bias.data}

    def refit_statistics(self, tasks, started):
        Started.told = (*Started.told, started["bias"].clone())
        with torch.no_grad():
            self.heads[0].bias += 0.1 * started["bias"]


def test_a_learner_is_told_in_its_refit_what_it_started_from_also_after_it_was_read_back(tmp_path, monkeypatch):
    Started.told, specs = (), {"ear": tiny.spec("ear", build=Started)}
    kept = tiny.train("ear", tmp_path / "kept", members=("ear",), specs=specs)
    refit = computing.loop.refit

    def forgetful(order, cache):
        cache.state = None
        return refit(order, cache)

    monkeypatch.setattr(computing.loop, "refit", forgetful)
    again = tiny.train("ear", tmp_path / "again", members=("ear",), specs=specs)
    torch.manual_seed(json.loads((tmp_path / "kept/plan.json").read_text())["models"]["ear"]["seed"])
    fresh = Started({"tasks": [tiny.dataset("ear").tasks[0].info.as_dict()]})
    assert [torch.equal(bias, fresh.heads[0].bias) for bias in Started.told] == [True, True]
    assert (kept.folder / "weights.safetensors").read_bytes() == (again.folder / "weights.safetensors").read_bytes()
