"""What a terminal shows while something runs: a real pseudo-terminal, real processes."""

import json
import os
import pty
import re
import subprocess
import sys
import time

from unified_assets.tracking import journal

WORK = """
import subprocess, sys, time
from pathlib import Path
from types import SimpleNamespace
from unified_assets.cli.display import shown
from unified_assets.compute.progress import progress

with shown(SimpleNamespace(state=Path(sys.argv[1]))):
    with progress(Path(sys.argv[1]), "scan", 40, print) as told:
        told.add(10)
        told.note()
        subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('a step [bold]says[/bold] something\\\\n')"], check=True)
        time.sleep(4)  # a machine with much else to do draws late
sys.stderr.write("afterwards\\n")
"""


def on_a_terminal(command, **environment):
    """(exit code, everything a terminal was sent)."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120", **environment})
    os.close(theirs)
    sent = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the last process that had the terminal is gone
            break
        if not data:
            break
        sent += data
    os.close(ours)
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent.decode())


def test_bars_stand_at_the_foot_and_lines_of_other_processes_above_them(tmp_path):
    code, sent = on_a_terminal([sys.executable, "-c", WORK, str(tmp_path)])
    assert code == 0, sent
    assert "a step [bold]says[/bold] something" in sent
    assert re.search(r"scan +━.* 10 of 40 +[0-9.,]+ files/s, \d+ s to go", sent)
    assert sent.rstrip().endswith("afterwards")


def test_without_a_terminal_nothing_is_added(tmp_path):
    done = subprocess.run([sys.executable, "-c", WORK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "a step [bold]says[/bold] something\nafterwards\n")


def test_watching_ends_when_the_run_ends_and_with_its_exit_code(tmp_path):
    run_dir = tmp_path / "runs" / "r1"
    journal.note_run(run_dir, run_id="r1", preset="p", status="STARTED", started=time.time(), attempt_started=time.time(), **journal.this_process())
    journal.write_json(run_dir / "members.json", {"members": ["a"], "skipped": {}})
    journal.write_json(run_dir / "plan.json", {"preset": {"epochs": 2, "checkpoint_interval": 1}})
    command = [sys.executable, "-m", "unified_assets.cli", "--state", str(tmp_path), "watch", "--interval", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        first = watching.stdout.readline()
        (run_dir / "rounds").mkdir()
        row = {"model": "a", "round": 1, "valid_score": 0.5, "train_loss": 0.1, "ended": time.time()}
        (run_dir / "rounds" / "a.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        second = watching.stdout.readline()
        journal.note_run(run_dir, status="FAILURE", seconds=3.0)
        rest = watching.stdout.read()
        assert watching.wait(30) == 1
    assert (first, second) == ("a: round 0 of 2, waiting\n", "a: round 1 of 2, waiting\n")
    assert rest.startswith("run r1  p  FAILURE  3 s\n")
    once = subprocess.run([*command, "--once"], capture_output=True, text=True, check=False)
    shown, again = (re.sub(r"(?m)^machine: .*", "machine", text) for text in (rest, once.stdout))  # whose figures change by the second
    assert (once.returncode, again) == (1, shown)
