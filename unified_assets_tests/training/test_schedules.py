"""Whoever starts when, however many at once, whoever is killed: the same bits come out."""

import json
import os
import subprocess
import sys
from pathlib import Path

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
