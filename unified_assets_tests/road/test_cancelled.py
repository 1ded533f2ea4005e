"""A training started and terminated in Dagster's UI, by the requests its buttons send; then the state is as if nobody had ever trained."""

import json
import shutil
import socket
import sys
import time
import urllib.request
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from unified_assets.compute.ledger import Ledger, locked

pytestmark = pytest.mark.slow

MODELS = ("logic_model", "math_model")
ROUNDS = 400
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } ... on RunConfigValidationInvalid { errors { message } } } }"""
TERMINATE = "mutation($run: String!) { terminateRun(runId: $run) { __typename ... on PythonError { message } ... on TerminateRunFailure { message } } }"
LOCATION = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
STATUS = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
    port, log = free_port(), lake.home / "ui.log"

    def ask(query, **variables):
        data = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    with lake.start("ui", "--port", str(port), "--mlflow-port", str(free_port()), log=log):
        lake.until(lambda: "Ctrl-C stops all" in log.read_text(encoding="utf-8"), 400, "the servers did not answer")
        servers = {int(one.split()[0]) for one in lake.processes()}
        (repository,) = ask(LOCATION)["repositoriesOrError"]["nodes"]
        wanted = ["catalog", "quality_report", "allocation", *(f"{kind}/{model}" for kind in ("dataset", "model") for model in MODELS)]
        selector = {"repositoryLocationName": repository["location"]["name"], "repositoryName": repository["name"], "jobName": "train"}
        selector["assetSelection"] = [{"path": name.split("/")} for name in wanted]
        metadata = {"tags": [{"key": "unified_assets/preset", "value": str(lake.home / "long.yaml")}]}
        launched = ask(LAUNCH, params={"selector": selector, "runConfigData": {}, "executionMetadata": metadata})["launchRun"]
        run_id = launched["run"]["runId"]
        lake.until(lambda: all(len(lake.rounds_of(run_id).get(model, ())) >= 3 for model in MODELS), 500, f"{launched}: no round was trained")
        during = _held(lake, servers)
        started = time.monotonic()
        answer = ask(TERMINATE, run=run_id)["terminateRun"]
        lake.until(lambda: not any(_held(lake, servers).values()), 120, f"{answer}: {_held(lake, servers)}")
        sys.stdout.write(f"free after {time.monotonic() - started:.1f} s\n")
        lake.until(lambda: ask(STATUS, run=run_id)["runOrError"]["status"] == "CANCELED", 60, "not closed")
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
