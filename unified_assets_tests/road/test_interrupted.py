"""Ctrl-C in the terminal of a training: the signal goes to the whole process group of the command."""

import os
import shutil
import signal
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from unified_assets_tests.road.test_run_failures import _run_of

pytestmark = pytest.mark.slow

MODELS = ("logic_model", "math_model")


CLOSE_AS_DEAD = """
import json, sys
import dagster as dg
instance = dg.DagsterInstance.from_config(sys.argv[1])
run = instance.get_runs(limit=1)[0]
instance.report_run_failed(run, "its process is gone")
print(json.dumps([run.status.value, instance.get_run_by_id(run.run_id).status.value]))
"""


@pytest.fixture(scope="module")
def interrupted(shell, tmp_path_factory):
    """A training of the sample's texts, interrupted after some rounds, with what it left; then taken up again."""
    home = tmp_path_factory.mktemp("interrupted")
    shutil.copytree(shell.raw / "texts", home / "raw" / "texts")
    lake, log = replace(shell, home=home, raw=home / "raw", state=home / "state"), home / "interrupted.log"
    preset = lake.preset("long", f"epochs: 40\nmin_steps_per_epoch: 2\nmax_steps_per_epoch: 2\ntarget_models: [{', '.join(MODELS)}]")
    with lake.start("train", "--preset", preset, log=log) as process:
        run = lake.until(lambda: process.poll() is not None or _run_of(lake, "long"), 300, "no model has begun")
        lake.until(lambda: process.poll() is not None or all(lake.rounds_of(run).get(model) for model in MODELS), 300, "too few rounds")
        steps = psutil.Process(process.pid).children(recursive=True)
        groups = {os.getpgid(step.pid) for step in steps if "forkserver" in " ".join(step.cmdline())}
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait(120)
    lake.until(lambda: not lake.processes(), 30, "something goes on")
    kept, left, said = lake.rounds_of(run), lake.processes(), log.read_text(encoding="utf-8")
    again = lake.run("train", "--resume")
    told = [lake.python(CLOSE_AS_DEAD, lake.state / "dagster"), lake.run("train", "--resume"), lake.status()]
    return SimpleNamespace(groups=groups, group=process.pid, code=code, kept=kept, left=left, said=said, again=again, rounds=lake.rounds_of(run), told=told)


def test_only_the_command_hears_it_and_ends_its_steps_itself(interrupted):
    assert interrupted.groups
    assert interrupted.group not in interrupted.groups
    assert interrupted.left == []


def test_it_says_how_to_go_on_and_no_other_process_was_struck_by_the_signal(interrupted):
    assert interrupted.code == 1
    assert "KeyboardInterrupt" not in interrupted.said  # MLflow may tell of a locked database with a traceback of its own
    assert "`unified-assets train --resume`" in interrupted.said


def test_it_goes_on_from_its_last_rounds(interrupted):
    assert interrupted.again.code == 0, interrupted.again.said
    assert all(0 < len(rows) < len(interrupted.rounds[model]) for model, rows in interrupted.kept.items())
    assert all(interrupted.rounds[model][: len(rows)] == rows for model, rows in interrupted.kept.items())


def test_a_run_that_died_after_its_last_step_and_before_it_was_closed_is_closed_by_the_next_resume(interrupted):
    closed, done, status = interrupted.told
    assert closed == ["SUCCESS", "FAILURE"]
    assert done.code == 0, done.said
    assert [run["status"] for run in status["runs"]] == ["SUCCESS"]
    assert {model["model"]: model["version"] for model in status["models"] if model["version"]} == dict.fromkeys(MODELS, 1)
