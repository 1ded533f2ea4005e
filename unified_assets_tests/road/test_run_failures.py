"""A trained lake at the command line, hit by a model that cannot learn, by a second command, and by SIGKILL."""

import json
import os
import signal
import time
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow

ROUNDS = 6
KILLED_AFTER = 12  # rounds, of all models together

BROKEN = """
from dataclasses import replace

from unified_assets.models.logic_model import MODEL as LOGIC


def _loss(data, rows, soft_targets=None):
    raise RuntimeError("planted: this model cannot learn")


def _build(blueprint):
    learner = LOGIC.build(blueprint)
    learner.loss = _loss
    return learner


MODEL = replace(LOGIC, name="broken_model", build=_build)
"""


@pytest.fixture(scope="module")
def broken(shell, trained):
    """An eighth model, offered by another package, whose training fails; all are to train."""
    before = shell.versions()
    package = shell.home / "plugin"
    about = package / "broken_model-1.0.dist-info"
    about.mkdir(parents=True)
    (package / "broken_model.py").write_text(BROKEN, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-model\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[unified_assets.models]\nbroken_model = broken_model:MODEL\n", encoding="utf-8")
    shell.python_path = package
    try:
        done, status = shell.run("train", "--preset", shell.preset("other_seed", "seed: 8")), shell.status()
    finally:
        shell.python_path = None
    page = shell.run_dir(status["runs"][0]["run_id"]) / "report.html"
    return SimpleNamespace(
        before=before, done=done, status=status, page=page.read_text(encoding="utf-8"), ledger=shell.table("allocation"), catalog=shell.table("catalog")
    )


@pytest.fixture(scope="module")
def killed(shell, broken):
    """A longer run; a second command waits for the lake and is interrupted; then the run is killed with all its processes."""
    before, log, other = shell.status(), shell.home / "killed.log", shell.home / "waiting.log"
    with shell.start("train", "--preset", shell.preset("longer", f"epochs: {ROUNDS}\nseed: 9"), log=log) as process:
        shell.until(lambda: "catalog" in log.read_text(encoding="utf-8"), 150, "the run has not begun")
        with shell.start("train", "--preset", shell.preset("tiny"), log=other) as second:
            shell.until(lambda: "waiting" in other.read_text(encoding="utf-8"), 150, "the second command did not wait")
            second.send_signal(signal.SIGINT)
            second.wait(timeout=30)
        run_id = shell.until(lambda: _run_of(shell, "longer"), 150, "no model has begun")
        shell.until(lambda: sum(map(len, shell.rounds_of(run_id).values())) >= KILLED_AFTER, 240, "too few rounds")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept, ends = shell.rounds_of(run_id), time.monotonic() + 15
    shell.until(lambda: not shell.processes() or time.monotonic() > ends, 30, "")
    waited = SimpleNamespace(code=second.returncode, said=other.read_text(encoding="utf-8"))
    return SimpleNamespace(before=before, run_id=run_id, kept=kept, left=shell.processes(), waited=waited, status=shell.status())


def _run_of(shell, preset: str) -> str | None:
    """The id of the run with that preset, once it has one."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (shell.state / "runs").glob("*/run.json")]
    return next((record["run_id"] for record in records if record.get("preset") == preset), None)


@pytest.fixture(scope="module")
def resumed(shell, killed):
    """The killed run, taken up again."""
    done = shell.run("train", "--resume")
    return SimpleNamespace(done=done, status=shell.status(), versions=shell.versions(), rounds=shell.rounds_of(killed.run_id))


def versions(status) -> dict[str, int]:
    return {model["model"]: model["version"] for model in status["models"]}


def test_a_model_that_fails_is_named_and_the_others_are_registered(broken):
    assert broken.done.code == 1
    assert broken.done.lines("failed: ") == ["failed: model/broken_model: RuntimeError: planted: this model cannot learn"]
    assert versions(broken.status) == {model: version + 1 for model, version in broken.before.items()}
    assert broken.status["stale"] == ["model/broken_model"]
    run = broken.status["runs"][0]
    assert (run["preset"], run["status"], run["failed"]) == ("other_seed", "FAILURE", ["model/broken_model"])
    assert "planted: this model cannot learn" in broken.page
    assert len(broken.ledger) == len(broken.catalog) * (len(broken.before) + 1)


def test_a_second_command_waits_for_the_lake_and_can_be_interrupted(killed):
    assert killed.waited.code == 130
    assert "waiting: training run" in killed.waited.said
    assert "Traceback" not in killed.waited.said


def test_nothing_of_a_killed_run_lives_on(killed):
    assert killed.left == []
    run = killed.status["runs"][0]
    assert (run["run_id"], run["status"]) == (killed.run_id, "FAILURE")
    assert "train --resume" in run["note"]
    for before, after in zip(killed.before["models"], killed.status["models"], strict=True):
        assert after == before or after["version"] == before["version"] + 1  # one may have been registered by then


def test_a_resumed_run_trains_no_round_again(killed, resumed):
    assert resumed.done.code == 0, resumed.done.said
    models = versions(killed.before)
    assert KILLED_AFTER <= sum(map(len, killed.kept.values())) < ROUNDS * len(models)
    for model in models:
        before, after = killed.kept.get(model, []), resumed.rounds[model]
        assert after[: len(before)] == before
        assert [json.loads(line)["round"] for line in after] == list(range(1, ROUNDS + 1))
    assert resumed.versions == {model: version + 1 for model, version in models.items()}
    run = resumed.status["runs"][0]
    assert (run["run_id"], run["status"], run["failed"]) == (killed.run_id, "SUCCESS", [])
    assert resumed.status["stale"] == []


def test_the_raw_folder_was_never_written_to(shell, resumed):
    assert shell.raw_as_it_is() == shell.written
