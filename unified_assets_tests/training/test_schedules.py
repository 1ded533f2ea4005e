"""Whoever starts when, however many at once, whoever is killed: the same bits come out."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_models as tiny

from unified_assets.core.errors import YieldStep
from unified_assets.training import merge_logs

PROGRAM = str(Path(__file__).with_name("schedules.py"))
SCHEDULES = 20


def test_twenty_random_schedules_with_kills_end_in_the_very_weights_of_the_plain_one(tmp_path):
    command = [sys.executable, PROGRAM, str(tmp_path), str(SCHEDULES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [run["seed"] for run in runs] == list(range(SCHEDULES + 1))
    assert {run["places"] for run in runs} == {1, 3, 7}
    assert (runs[0]["killed"], sum(run["killed"] for run in runs) >= SCHEDULES) == (0, True)
    assert len({run["digest"] for run in runs}) == 1


def test_a_peer_that_died_gets_a_place_to_come_back_and_is_not_waited_for_longer_than_its_grace(tmp_path):
    with pytest.raises(YieldStep):
        tiny.train("eye", tmp_path, stall_s=0.2)
    (tmp_path / "locks" / "eye.lock").touch()  # there, and held by nobody: its process was killed
    with pytest.raises(YieldStep, match="ear waits for eye, which has no place to start in"):
        tiny.train("ear", tmp_path, grace_s=0.5)
    assert not (tmp_path / "knowledge/round_0002/eye").exists()
    started = time.monotonic()
    outcome = tiny.train("ear", tmp_path, grace_s=0.5)
    assert time.monotonic() - started < 30
    assert outcome.rounds == 3
    assert merge_logs(tmp_path)[0].filter(model="ear")["peers"].to_list() == [[], ["eye"], [], []]
    assert json.loads((tmp_path / "knowledge/round_0002/eye/tombstone.json").read_text()) == {"reason": "its process ended and did not come back"}
