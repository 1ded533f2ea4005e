"""A training started and terminated in Dagster's UI, by the requests its buttons send; then the state is as if nobody had ever trained."""

import json
import shutil
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from unified_assets.compute.ledger import Ledger, locked

pytestmark = pytest.mark.slow

MODELS = ("logic_model", "math_model")
ROUNDS = 400
TERMINATE = "mutation($run: String!) { terminateRun(runId: $run) { __typename ... on PythonError { message } ... on TerminateRunFailure { message } } }"


@pytest.fixture(scope="module")
def lake(shell, tmp_path_factory):
    """The texts of the sample alone, with a state of their own."""
    home = tmp_path_factory.mktemp("cancelled")
    shutil.copytree(shell.raw / "texts", home / "raw" / "texts")
    found = replace(shell, home=home, raw=home / "raw", state=home / "state")
    found.preset("long", f"epochs: {ROUNDS}\nmin_steps_per_epoch: 2\nmax_steps_per_epoch: 2\ntarget_models: [{', '.join(MODELS)}]")
    return found


@pytest.fixture(scope="module")
def cancelled(lake):
    """What is held while it trains, and what is left after the button was pressed."""
    with lake.serve() as served:
        servers = {int(one.split()[0]) for one in lake.processes()}
        run_id = served.launch(lake.home / "long.yaml", MODELS)
        lake.until(lambda: all(len(lake.rounds_of(run_id).get(model, ())) >= 3 for model in MODELS), 500, f"{run_id}: no round was trained")
        during = _held(lake, servers)
        started = time.monotonic()
        answer = served.ask(TERMINATE, run=run_id)["terminateRun"]
        lake.until(lambda: not any(_held(lake, servers).values()), 120, f"{answer}: {_held(lake, servers)}")
        sys.stdout.write(f"free after {time.monotonic() - started:.1f} s\n")
        lake.until(lambda: served.status(run_id) == "CANCELED", 60, "not closed")
    return SimpleNamespace(during=during, run_id=run_id, answer=answer, status=lake.status(), kept=lake.rounds_of(run_id))


def _held(lake, servers) -> dict[str, list]:
    """Leases, locks and processes of runs."""
    with Ledger(lake.state / "locks" / "leases").guard() as asks:
        leases = [ask.model for ask in asks]
    locks = [path.name for path in [*(lake.state / "runs").rglob("*.lock"), *(lake.state / "locks" / "training").glob("*")] if locked(path)]
    below = {one.pid for pid in servers if psutil.pid_exists(pid) for one in psutil.Process(pid).children(recursive=True)}
    workers = [pid for pid in below - servers if "multiprocessing.resource_tracker" not in _line(pid) and psutil.pid_exists(pid)]
    return {"leases": leases, "locks": locks, "processes": workers}


def _line(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "multiprocessing.resource_tracker"


def test_a_training_that_was_terminated_in_the_ui_leaves_no_lease_lock_or_process(cancelled):
    assert sorted(set(cancelled.during["leases"])) == list(MODELS)
    assert {"logic_model.lock", "math_model.lock"} <= set(cancelled.during["locks"])
    assert len(cancelled.during["processes"]) >= len(MODELS)
    assert cancelled.answer == {"__typename": "TerminateRunSuccess"}


def test_it_is_told_as_ended_and_can_be_resumed(cancelled, lake):
    (run,) = cancelled.status["runs"]
    assert (run["run_id"], run["status"]) == (cancelled.run_id, "FAILURE")
    doctor = json.loads(lake.run("doctor", "--json").out)
    assert [row["what"] for row in doctor if row["check"] in {"slots", "leases"} and row["state"] != "ok"] == []
    assert any(row["check"] == "runs" and cancelled.run_id in row["what"] and "train --resume" in row["fix"] for row in doctor)
