"""A trained lake at the command line, hit by a model that cannot learn, by a second command, and by SIGKILL."""

import json
import signal
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow

ROUNDS = 6
KILLED_AFTER = 12  # rounds, of all models together


@pytest.fixture(scope="module")
def broken(shell, trained):
    """Every process of this run finds logic_model changed as it is imported: its training fails. All seven are to train."""
    before = shell.versions()
    shell.python_path = shell.plant("logic_model", "raise RuntimeError('planted: this model cannot learn')")
    try:
        done, status = shell.run("run", "--preset", shell.preset("other_seed", "seed: 8")), shell.status()
    finally:
        shell.python_path = None
    page = shell.run_dir(status["runs"][0]["run_id"]) / "report.html"
    return SimpleNamespace(before=before, done=done, status=status, page=page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def killed(shell, broken):
    """A longer run; a second command waits for the lake and is interrupted; then the run is killed with all its processes."""
    before, log, other = shell.status(), shell.home / "killed.log", shell.home / "waiting.log"
    with shell.start("train", "--preset", shell.preset("longer", f"epochs: {ROUNDS}\nseed: 9"), log=log) as process:
        shell.until(lambda: "catalog" in log.read_text(encoding="utf-8"), 150, "the run has not begun")
        with shell.start("train", "--preset", shell.preset("tiny"), log=other) as second:
            shell.until(lambda: "waiting" in other.read_text(encoding="utf-8"), 150, "the second command did not wait")
            second.send_signal(signal.SIGINT)
            second.wait(timeout=120)
        run_id = shell.until(lambda: _run_of(shell, "longer"), 150, "no model has begun")
        shell.until(lambda: sum(map(len, shell.rounds_of(run_id).values())) >= KILLED_AFTER, 240, "too few rounds")
        frame, pruned = json.loads(shell.run("watch", "--json").out), shell.run("prune", "--keep", "1")
        shell.kill(process)
    kept, ends = shell.rounds_of(run_id), time.monotonic() + 15
    shell.until(lambda: not shell.processes() or time.monotonic() > ends, 30, "")
    waited = SimpleNamespace(code=second.returncode, said=other.read_text(encoding="utf-8"))
    status, left = shell.status(), shell.processes()
    doctor = [json.loads(shell.run("doctor", *options, "--json").out) for options in (("--repair",), ())]
    return SimpleNamespace(before=before, run_id=run_id, kept=kept, left=left, waited=waited, status=status, frame=frame, pruned=pruned, doctor=doctor)


def _run_of(shell, preset: str) -> str | None:
    """The id of the run with that preset, once it has one."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (shell.state / "runs").glob("*/run.json")]
    return next((record["run_id"] for record in records if record.get("preset") == preset), None)


@pytest.fixture(scope="module")
def resumed(shell, killed):
    """The killed run, taken up again; the file of its preset says something else by now."""
    shell.preset("longer", "epochs: 1\nseed: 1")
    done = shell.run("train", "--resume")
    return SimpleNamespace(done=done, status=shell.status(), versions=shell.versions(), rounds=shell.rounds_of(killed.run_id))


def versions(status) -> dict[str, int]:
    return {model["model"]: model["version"] for model in status["models"]}


def test_when_one_of_the_seven_fails_the_other_six_are_registered_and_it_is_named(broken):
    assert broken.done.code == 1
    assert len(broken.before) == 7
    assert broken.done.lines("failed: ") == ["failed: model/logic_model: RuntimeError: planted: this model cannot learn"]
    assert versions(broken.status) == {model: version + (model != "logic_model") for model, version in broken.before.items()}
    assert broken.status["stale"] == []
    run = broken.status["runs"][0]
    assert (run["preset"], run["status"], run["failed"]) == ("other_seed", "FAILURE", ["model/logic_model"])
    assert "planted: this model cannot learn" in broken.page


def test_a_living_run_is_watched_and_not_pruned(killed):
    assert (killed.frame["run"]["run_id"], killed.frame["run"]["status"], killed.frame["run"]["preset"]) == (killed.run_id, "STARTED", "longer")
    assert sum(row["round"] for row in killed.frame["models"]) >= KILLED_AFTER
    assert {row["rounds"] for row in killed.frame["models"]} == {ROUNDS}
    states = {row["state"] for row in killed.frame["models"]}
    assert {state for state in states if not state.startswith("version ")} <= {"computing", "queued", "waiting", "finishing"}
    (line,) = killed.pruned.err.splitlines()
    assert (killed.pruned.code, "is working in" in line) == (1, True)


def test_the_doctor_finds_a_dead_run_and_closes_it(killed):
    repaired, after = ([row for row in found if "process is gone" in row["what"]] for found in killed.doctor)
    assert [(row["check"], row["state"]) for row in repaired] == [("runs", "repaired")]
    assert after == []
    assert any(row["check"] == "runs" and killed.run_id in row["what"] and "train --resume" in row["fix"] for row in killed.doctor[1])


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
        rows = [json.loads(line) for line in after]
        assert [row["round"] for row in rows if not row["refit"]] == list(range(1, ROUNDS + 1))
    assert resumed.versions == {model: version + 1 for model, version in models.items()}
    run = resumed.status["runs"][0]
    assert (run["run_id"], run["preset"], run["status"], run["failed"]) == (killed.run_id, "longer", "SUCCESS", [])
    assert resumed.status["stale"] == []


def test_the_raw_folder_was_never_written_to(shell, resumed):
    assert shell.raw_as_it_is() == shell.written


def test_files_of_which_none_is_of_use_are_told_in_a_line_that_says_where_to_look(shell, resumed):
    raw = shell.home / "useless"
    raw.mkdir()
    (raw / "noise.bin").write_bytes(bytes(range(256)) * 3)
    (raw / "nothing.txt").touch()
    done = replace(shell, raw=raw, state=shell.home / "useless.state").run("train", "--models", "logic_model", "--preset", shell.home / "tiny.yaml")
    (line,) = done.lines("error: ")
    assert done.code == 1
    assert line.startswith(f"error: {raw}: no file has anything to learn from for logic_model. `unified-assets quality` says what is wrong")
