"""The daemon, then the webserver, killed while one training works and another is queued; the servers started again."""

import json
import shutil
import signal
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # three starts of all servers, four trainings

MODELS = ("logic_model", "math_model")
ROUNDS = 24


@pytest.fixture(scope="module")
def lake(shell, tmp_path_factory):
    """The texts of the sample alone, with a state of their own."""
    home = tmp_path_factory.mktemp("servers")
    shutil.copytree(shell.raw / "texts", home / "raw" / "texts")
    found = replace(shell, home=home, raw=home / "raw", state=home / "state")
    only = f"target_models: [{', '.join(MODELS)}]"
    found.preset("tiny", only)
    for seed in (2, 3):
        found.preset(f"long{seed}", f"{only}\nepochs: {ROUNDS}\nmin_steps_per_epoch: 2\nmax_steps_per_epoch: 2\nseed: {seed}")
    return found


@pytest.fixture(scope="module")
def story(lake):
    """What was there after each kill, and what came of the runs."""
    with lake.serve() as served:
        first = served.launch(lake.home / "long2.yaml", MODELS)
        trains(lake, first)
        second = served.launch(lake.home / "tiny.yaml", MODELS)
        lake.until(lambda: served.status(second) == "QUEUED", 60, "the second run was not queued")
        kill(lake, served, "dagster._daemon")
    dead = json.loads(lake.run("doctor", "--json").out)
    with lake.serve() as served:
        closed = served.status(first)
        lake.until(lambda: served.status(second) in {"SUCCESS", "FAILURE"}, 900, "the queued run did not go on")
        third = served.launch(lake.home / "long3.yaml", MODELS)
        trains(lake, third)
        kill(lake, served, "dagster_webserver")
    kept = lake.rounds_of(third)
    resumed = lake.run("train", "--resume", timeout=900)
    with lake.serve() as served:
        runs = served.ask("{ runsOrError { ... on Runs { results { runId rootRunId status } } } }")["runsOrError"]["results"]
    return SimpleNamespace(first=first, second=second, third=third, dead=dead, closed=closed, kept=kept, resumed=resumed, runs=runs, status=lake.status())


def trains(lake, run):
    lake.until(lambda: all(len(lake.rounds_of(run).get(model, ())) >= 3 for model in MODELS), 900, f"{run} did not train")


def kill(lake, served, server):
    """SIGKILL to one of the servers; the rest ends, with the runs they had started."""
    (pid,) = [process.pid for process in psutil.Process(served.process.pid).children(recursive=True) if server in process.cmdline()]
    psutil.Process(pid).send_signal(signal.SIGKILL)
    assert served.process.wait(60) == 1
    assert f"error: {server.removeprefix('dagster').strip('._')} ended with exit code -9; all servers were stopped." in served.said.read_text(encoding="utf-8")
    lake.until(lambda: not lake.processes(), 60, f"{lake.processes()} live on")


def test_after_a_killed_daemon_the_doctor_tells_that_the_run_is_not_finished(story):
    assert ("runs", f"not finished: {story.first}", "`unified-assets train --resume`") in {(row["check"], row["what"], row["fix"]) for row in story.dead}


def test_servers_started_again_close_the_dead_run_and_take_the_queued_one_once(story):
    assert story.closed == "FAILURE"
    ended = {run["runId"]: run["status"] for run in story.runs}
    assert (ended[story.first], ended[story.second]) == ("FAILURE", "SUCCESS")
    assert len([run for run in story.runs if {run["runId"], run["rootRunId"]} & {story.first, story.second}]) == 2


def test_a_run_that_ended_with_a_killed_webserver_goes_on_from_its_last_round(lake, story):
    assert story.resumed.code == 0, story.resumed.said
    rounds = lake.rounds_of(story.third)
    told = {model: [(row["round"], row["refit"]) for row in map(json.loads, rows)] for model, rows in rounds.items()}
    assert told == {model: [(index, index > ROUNDS) for index in range(1, ROUNDS + 2)] for model in MODELS}
    assert all(rounds[model][: len(rows)] == rows for model, rows in story.kept.items())
    (again,) = [run for run in story.runs if run["rootRunId"] == story.third and run["runId"] != story.third]
    assert again["status"] == "SUCCESS"
    assert {model["model"]: model["version"] for model in story.status["models"]} == dict.fromkeys(MODELS, 2)
