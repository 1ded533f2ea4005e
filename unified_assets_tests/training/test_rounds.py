import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import tiny_models as tiny
import torch

from unified_assets.core.contracts import SilentSink
from unified_assets.core.errors import Diverged, NothingToTrain, YieldStep
from unified_assets.training import merge_logs
from unified_assets.training.knowledge import read
from unified_assets.training.results import read_results
from unified_assets.training.stability import DeviceLost

PROGRAM = str(Path(tiny.__file__))


def weights(run_dir, model):
    return (run_dir / "models" / model / "final" / "weights.safetensors").read_bytes()


def train_in_turns(run_dir, **kwargs):
    """Both models in this process, one at a time: each steps aside when it waits for the other."""
    outcomes = {}
    while len(outcomes) < 2:
        for model in ("ear", "eye"):
            try:
                outcomes[model] = tiny.train(model, run_dir, stall_s=0.2, **kwargs)
            except YieldStep:
                continue
    return outcomes


def start(model, run_dir, locks="locks"):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, PROGRAM, model, str(run_dir), locks], stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """A run of both models with one place for the two, as slow and simple as can be."""
    run_dir = tmp_path_factory.mktemp("together")
    train_in_turns(run_dir)
    return run_dir


def test_a_model_alone_is_trained_measured_and_written_whole(tmp_path):
    outcome = tiny.train("ear", tmp_path, members=("ear",))
    results = json.loads((outcome.folder / "results.json").read_text())
    task = results["tasks"][0]
    assert outcome.results == results
    assert (results["model"], results["rounds"], outcome.rounds, outcome.skipped) == ("ear", 3, 3, False)
    assert (task["train"], task["valid"], task["test"], task["majority"], task["alone"]) == (120, 160, 400, 0.25, None)
    predictions = pl.read_parquet(outcome.folder / task["test_predictions"])
    assert predictions["correct"].mean() == task["score"] > 0.9
    assert predictions.columns == ["example_id", "target", "answer", "correct", "confidence"]
    assert len(predictions) == 400
    described = json.loads((outcome.folder / "model.json").read_text())
    learner = tiny.SPECS["ear"].build(described["blueprint"])
    from safetensors.torch import load_file

    learner.load_state_dict(load_file(str(outcome.folder / "weights.safetensors")))
    assert task["head"] == learner.head_of("things")
    data = tiny.dataset("ear").tasks[0]
    assert list(learner.predict(data, data.rows("test")).answers) == predictions["answer"].to_list()


def test_what_is_settled_by_the_validation_side_is_part_of_the_weights(tmp_path):
    from safetensors.torch import load_file

    outcome = tiny.train("ear", tmp_path, members=("ear",), preset=tiny.QUICK.model_copy(update={"refit": False}))
    learner = tiny.SPECS["ear"].build(json.loads((outcome.folder / "model.json").read_text())["blueprint"])
    kept = load_file(str(outcome.folder / "weights.safetensors"))
    learner.load_state_dict(kept)
    learner.settle(tiny.dataset("ear").tasks)
    assert float(learner.sure) == float(kept["sure"]) != 1.0


def test_a_model_that_is_trained_is_not_trained_again(tmp_path):
    first = tiny.train("ear", tmp_path, members=("ear",))
    assert tiny.train("ear", tmp_path, members=("ear",)).skipped
    assert read_results(first.folder) == first.results


def test_two_models_that_learn_from_each_other_come_out_the_same_side_by_side_as_in_turns(tmp_path, together):
    processes = [start(model, tmp_path) for model in ("eye", "ear")]
    for process in processes:
        assert process.wait(90) == 0
        process.stdout.close()
    for model in ("ear", "eye"):
        assert weights(tmp_path, model) == weights(together, model)
    rounds, _leases = merge_logs(tmp_path)
    assert rounds.filter(pl.col("round") == 2)["peers"].to_list() == [["eye"], ["ear"]]


@pytest.mark.parametrize("reached", ["round_0001", "round_0003"])
def test_a_run_killed_in_the_middle_goes_on_to_the_same_bits(tmp_path, together, reached):
    processes = [start(model, tmp_path, "first") for model in ("ear", "eye")]
    while not list(tmp_path.glob(f"models/*/checkpoints/{reached}")):
        time.sleep(0.01)
    for process in processes:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert not list(tmp_path.glob("models/*/final"))
    train_in_turns(tmp_path, locks=tmp_path / "second")
    for model in ("ear", "eye"):
        assert weights(tmp_path, model) == weights(together, model)


def test_a_model_read_back_before_every_round_comes_out_as_one_kept_in_the_process(tmp_path, monkeypatch):
    kept = tiny.train("ear", tmp_path / "a", members=("ear",))
    from unified_assets.training import loop

    original = loop.train_round

    def forgetful(order, cache):
        cache.state = None
        return original(order, cache)

    monkeypatch.setattr(loop, "train_round", forgetful)
    again = tiny.train("ear", tmp_path / "b", members=("ear",))
    assert weights(tmp_path / "a", "ear") == weights(tmp_path / "b", "ear")
    assert kept.results["tasks"][0]["score"] == again.results["tasks"][0]["score"]


def test_tables_of_a_run_have_a_row_for_each_round_and_lease(together):
    rounds, leases = merge_logs(together)
    expected = [(*[(model, index, 2, 24, False) for index in (1, 2, 3)], (model, 4, 0, 9, True)) for model in ("ear", "eye")]
    assert rounds.select("model", "round", "epochs", "steps", "refit").rows() == [row for rows in expected for row in rows]
    assert rounds.filter(pl.col("refit"))["valid_score"].to_list() == [None, None]
    assert leases.filter(model="ear").sort("acquired")["round"].to_list() == [0, 1, 2, 3, 4, -1, 4]
    assert (leases["released"] >= leases["acquired"]).all()
    assert set(leases["threads"]) == {1}
    assert pl.read_parquet(together / "rounds.parquet").equals(rounds)
    assert pl.read_parquet(together / "leases.parquet").equals(leases)


def test_answers_are_published_after_every_round_but_the_last_which_nobody_reads(together):
    assert [len(read(together / f"knowledge/round_{index:04d}/ear")) for index in (1, 2, 3)] == [1, 1, 0]
    assert len(read(together / "models/ear/final/knowledge")) == 1  # for peers of a later run


def test_a_peer_that_never_starts_makes_the_step_step_aside_and_it_comes_back_to_the_same_round(tmp_path):
    with pytest.raises(YieldStep):
        tiny.train("ear", tmp_path, stall_s=0.3)
    assert not (tmp_path / "locks" / "ear.lock").exists()
    assert (tmp_path / "models/ear/checkpoints/round_0001").is_dir()
    with pytest.raises(YieldStep):
        tiny.train("ear", tmp_path, stall_s=0.3)
    assert not (tmp_path / "models/ear/checkpoints/round_0002").exists()


def test_a_peer_outside_the_run_gets_a_tombstone_and_its_champion_teaches(tmp_path, together):
    said = []

    class Sink(SilentSink):
        def log(self, message):
            said.append(message)

    champion = together / "models" / "eye" / "final"
    tiny.train("ear", tmp_path, members=("ear",), champions={"eye": champion}, sink=Sink())
    assert (tmp_path / "knowledge/round_0001/eye/tombstone.json").is_file()
    assert "round 2: eye is gone; its champion's knowledge is used" in said
    assert merge_logs(tmp_path)[0]["peers"].to_list() == [[], ["eye"], ["eye"], ["eye"]]


class Exploding(tiny.VectorLearner):
    """Its loss is not a number as soon as its rate is above a limit."""

    limit = 1e-2

    def optimizers(self, learning_rate):
        self.made = super().optimizers(learning_rate)
        return self.made

    def loss(self, data, rows, soft_targets=None):
        loss = super().loss(data, rows, soft_targets)
        return loss * float("nan") if self.made[0].param_groups[0]["lr"] > self.limit else loss


def test_a_loss_that_is_not_finite_halves_the_rate_from_the_round_s_checkpoint(tmp_path):
    said = []

    class Sink(SilentSink):
        def log(self, message):
            said.append(message)

    specs = {"ear": tiny.spec("ear", build=Exploding, learning_rate=3e-2)}
    outcome = tiny.train("ear", tmp_path, members=("ear",), specs=specs, sink=Sink())
    assert [line.split(";")[1] for line in said] == [
        " back to its checkpoint with 0.5 of the learning rate",
        " back to its checkpoint with 0.25 of the learning rate",
    ]
    assert outcome.results["tasks"][0]["score"] > 0.9


def test_a_model_that_diverges_at_every_rate_fails_alone_and_by_name(tmp_path):
    specs = {"ear": tiny.spec("ear", build=Exploding, learning_rate=0.5)}
    with pytest.raises(Diverged, match="ear diverged in round 1 and again in 3 retries at half the learning rate each"):
        tiny.train("ear", tmp_path, members=("ear",), specs=specs)
    assert (tmp_path / "locks/ear.failed").exists()


class Hungry(tiny.VectorLearner):
    """Has no memory for more than five examples at a time."""

    def loss(self, data, rows, soft_targets=None):
        if len(rows) > 5:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return super().loss(data, rows, soft_targets)


class Lost(tiny.VectorLearner):
    """Its GPU fails after twenty steps."""

    steps, broken = 0, True

    def loss(self, data, rows, soft_targets=None):
        type(self).steps += 1
        if self.broken and self.steps > 20:
            raise RuntimeError("CUDA error: the launch timed out and was terminated")
        return super().loss(data, rows, soft_targets)


def test_a_gpu_lost_in_a_round_ends_the_step_frees_its_leases_and_training_goes_on_when_it_is_back(tmp_path, monkeypatch):
    specs = {"ear": tiny.spec("ear", build=Lost)}
    with pytest.raises(DeviceLost, match=r"the GPU failed in round \d of ear: CUDA error: the launch timed out and was terminated\. When it is back"):
        tiny.train("ear", tmp_path, members=("ear",), specs=specs)
    (ledger,) = tmp_path.rglob("ledger.json")
    assert json.loads(ledger.read_text(encoding="utf-8")) == []
    monkeypatch.setattr(Lost, "broken", False)
    outcome = tiny.train("ear", tmp_path, members=("ear",), specs=specs, locks=tmp_path / "again")
    assert outcome.results["tasks"][0]["score"] > 0.9


def test_out_of_memory_cuts_batches_and_training_goes_on(tmp_path):
    outcome = tiny.train("ear", tmp_path, members=("ear",), specs={"ear": tiny.spec("ear", build=Hungry)})
    state = json.loads((tmp_path / "models/ear/checkpoints/round_0003/state.json").read_text())
    assert state["progress"]["accumulate"] == 4
    assert outcome.results["tasks"][0]["score"] > 0.9


def test_patience_ends_a_training_and_peers_read_its_last_slot(tmp_path):
    preset = tiny.QUICK.model_copy(update={"epochs": 12, "patience": 1})
    data = tiny.dataset("ear", noise=0.01)  # perfect after the first round, equal scores after it count as better
    outcome = tiny.train("ear", tmp_path, members=("ear",), preset=preset, data=data)
    assert outcome.rounds == 6
    noisy = tiny.train("ear", tmp_path / "noisy", members=("ear",), preset=preset, data=tiny.dataset("ear", noise=2.5, per_class=8))
    assert noisy.rounds < 6
    assert json.loads((tmp_path / "noisy/knowledge/ended/ear/last.json").read_text()) == noisy.rounds
    from unified_assets.training.slots import find

    assert find(tmp_path / "noisy/knowledge", "ear", 6).parent.name == f"round_{noisy.rounds:04d}"


def test_nothing_to_learn_from_is_said_by_name(tmp_path):
    empty = tiny.MemoryDataset(model="ear", digest="x", tasks=(), pairs=None)
    with pytest.raises(NothingToTrain, match="ear has nothing to learn from"):
        tiny.train("ear", tmp_path, members=("ear",), data=empty)


def test_a_parser_with_nothing_to_optimise_is_measured_all_the_same(tmp_path):
    class Parser(tiny.VectorLearner):
        def optimizers(self, learning_rate):
            return []

    outcome = tiny.train("ear", tmp_path, members=("ear",), specs={"ear": tiny.spec("ear", build=Parser)})
    assert merge_logs(tmp_path)[0]["steps"].to_list() == [0, 0, 0]
    assert outcome.results["tasks"][0]["score"] is not None


def test_a_broken_checkpoint_is_set_aside_and_training_goes_on_from_the_round_before(tmp_path):
    from unified_assets.training import checkpoints

    tiny.train("ear", tmp_path, members=("ear",))
    home = tmp_path / "models/ear/checkpoints"
    (home / "round_0004/weights.safetensors").write_bytes(b"cut")
    assert checkpoints.newest(home) == 3
    assert not (home / "round_0004").exists()


def test_retraining_starts_from_the_champion_where_tasks_are_the_same(tmp_path):
    said = []

    class Sink(SilentSink):
        def log(self, message):
            said.append(message)

    first = tiny.train("ear", tmp_path / "a", members=("ear",))
    preset = tiny.QUICK.model_copy(update={"epochs": 1, "checkpoint_interval": 1, "min_steps_per_epoch": 1, "max_steps_per_epoch": 1})
    cold = tiny.train("ear", tmp_path / "b", members=("ear",), preset=preset)
    warm = tiny.train("ear", tmp_path / "c", members=("ear",), preset=preset, initial=first.folder, sink=Sink())
    assert said == [f"starts from 6 parameters of the champion in {first.folder}"]
    assert warm.results["tasks"][0]["score"] > cold.results["tasks"][0]["score"] + 0.2


def test_checkpoints_hold_no_pickle_and_the_newest_two_are_kept(together):
    home = together / "models/ear/checkpoints"
    assert sorted(path.name for path in home.iterdir()) == ["baselines.json", "blueprint.json", "round_0003", "round_0004"]
    names = {path.name for path in home.rglob("*") if path.is_file()}
    assert names == {
        "baselines.json",
        "blueprint.json",
        "weights.safetensors",
        "average.safetensors",
        "best.safetensors",
        "optimizer.safetensors",
        "state.json",
    }


def test_threads_are_those_of_the_lease(tmp_path):
    seen = []

    class Looking(tiny.VectorLearner):
        def loss(self, data, rows, soft_targets=None):
            seen.append(torch.get_num_threads())
            return super().loss(data, rows, soft_targets)

    tiny.train("ear", tmp_path, members=("ear",), specs={"ear": tiny.spec("ear", build=Looking)})
    assert set(seen) == {1}


def test_a_memory_lease_is_held_for_the_life_of_the_step_only(tmp_path):
    tiny.train("ear", tmp_path, members=("ear",))
    assert json.loads((tmp_path / "ledger.json").read_text()) == []
