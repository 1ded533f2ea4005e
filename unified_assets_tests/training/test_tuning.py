import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny_models as tiny

from unified_assets.core.contracts import SilentSink

PRESET = tiny.QUICK.model_copy(update={"trials": 6, "epochs": 4, "checkpoint_interval": 1})


class Listening(SilentSink):
    def __init__(self):
        self.trials = {}

    @contextmanager
    def trial(self, number, parameters):
        rounds = self.trials.setdefault(number, {"parameters": parameters, "rounds": []})["rounds"]

        class Told(SilentSink):
            def round_done(self, row, _scores, _eta_s):
                rounds.append((row["round"], row["valid_score"]))

        yield Told()


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    run_dir, sink = tmp_path_factory.mktemp("tuned"), Listening()
    outcome = tiny.train("ear", run_dir, members=("ear",), preset=PRESET, sink=sink)
    return run_dir, sink, outcome


def trials_of(run_dir):
    return {path.parent.name: json.loads(path.read_text()) for path in sorted((run_dir / "trials" / "ear").glob("*/trial.json"))}


def test_the_usual_setting_is_tried_first_and_poor_trials_get_fewer_rounds(tuned):
    run_dir, sink, _ = tuned
    known = trials_of(run_dir)
    assert sorted(known) == ["000", "001", "002", "003", "004", "005"]
    assert (known["000"]["learning_rate"], known["000"]["batch_size"]) == (1e-2, 16)
    lengths = [len(trial["scores"]) for trial in known.values()]
    assert lengths[0] == 4
    assert min(lengths) < 4
    assert all(trial["batch_size"] in {8, 16, 32} and 1e-2 / 8 <= trial["learning_rate"] <= 8e-2 for trial in known.values())
    assert not list(run_dir.glob("trials/ear/*/checkpoints/round_0005"))  # no trial is refitted: its validation side is to judge it
    for number, told in sink.trials.items():
        assert [score for _, score in told["rounds"]] == known[f"{number:03d}"]["scores"]


def test_the_model_is_trained_with_the_setting_that_validated_best(tuned):
    run_dir, _, outcome = tuned
    whole = [trial for trial in trials_of(run_dir).values() if len(trial["scores"]) == 4]
    best = max(whole, key=lambda trial: max(trial["scores"]))
    rounds = [json.loads(line) for line in (run_dir / "rounds" / "ear.jsonl").read_text().splitlines()]
    assert max(row["valid_score"] for row in rounds if not row["refit"]) == pytest.approx(max(best["scores"]))
    assert outcome.results["tasks"][0]["score"] > 0.9
    plan = json.loads((run_dir / "plan.json").read_text())
    assert plan["preset"]["batch_size"] == 16  # what was planned stays written down


def test_a_search_that_was_killed_goes_on_to_the_same_bits(tmp_path, tuned):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import tiny_models as tiny; from pathlib import Path\n"
        "preset = tiny.QUICK.model_copy(update={'trials': 6, 'epochs': 4, 'checkpoint_interval': 1})\n"
        "tiny.train('ear', Path(sys.argv[2]), members=('ear',), preset=preset, locks=Path(sys.argv[2]) / sys.argv[3])\n"
    )
    command = [sys.executable, "-c", code, str(Path(tiny.__file__).parent), str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*command, "first"], env=environment) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "trials" / "ear" / "001" / "trial.json").is_file() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "models" / "ear" / "final").exists()
    subprocess.run([*command, "second"], env=environment, check=True)
    assert trials_of(tmp_path) == trials_of(tuned[0])
    weights = [(folder / "models" / "ear" / "final" / "weights.safetensors").read_bytes() for folder in (tmp_path, tuned[0])]
    assert weights[0] == weights[1]


class Bursting(tiny.VectorLearner):
    """Its loss is not a number at any rate beyond a limit, however often it is halved."""

    def optimizers(self, learning_rate):
        self.bursts = learning_rate > 1.5e-2
        return super().optimizers(learning_rate)

    def loss(self, data, rows, soft_targets=None):
        found = super().loss(data, rows, soft_targets)
        return found * float("nan") if self.bursts else found


def test_a_trial_that_diverges_ends_and_the_model_is_trained_all_the_same(tmp_path):
    specs = {"ear": tiny.spec("ear", build=Bursting)}
    outcome = tiny.train("ear", tmp_path, members=("ear",), specs=specs, preset=PRESET)
    known = trials_of(tmp_path)
    assert len(known["000"]["scores"]) == 4
    assert len(known) < 6  # those that diverged in their first round have nothing to write down
    assert all(trial["learning_rate"] <= 1.5e-2 for trial in known.values())
    assert outcome.results["tasks"][0]["score"] > 0.9
