"""How a training run stands, read from the files that its steps write."""

import io
import json
import os
import time

import pytest
from rich.console import Console

from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.compute.progress import progress, said, under_way
from unified_assets.reports.frame import duration, frame
from unified_assets.reports.live import moment
from unified_assets.tracking import journal

MACHINE = Inventory(cores=4, memory_gib=8.0, gpus=(), disk_free_gib=100.0)


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def state(tmp_path):
    """A run of this process, four rounds long: a has done two of them, b none, c is registered, d failed, e was trained before."""
    now, run_dir = time.time(), tmp_path / "runs" / "r1"
    journal.note_run(run_dir, run_id="r1", preset="p", status="STARTED", started=now - 100, attempt_started=now - 100, **journal.this_process())
    journal.write_json(run_dir / "members.json", {"members": ["a", "b", "c", "d"], "skipped": {"e": "already trained"}})
    journal.write_json(run_dir / "plan.json", {"preset": {"epochs": 7, "checkpoint_interval": 2}})
    lines(
        run_dir / "rounds" / "a.jsonl", [{"model": "a", "round": n, "ended": now - 80 + 20 * n, "valid_score": 0.5 + n / 10, "train_loss": 1.0} for n in (1, 2)]
    )
    lines(run_dir / "rounds" / "c.jsonl", [{"model": "c", "round": 4, "ended": now - 1, "valid_score": 0.9, "train_loss": 0.1}])
    lines(run_dir / "leases" / "a.jsonl", [{"model": "a", "round": 1, "acquired": now - 80, "released": now - 60}])
    entry = {"version": 3, "run_id": "r1", "folder": str(tmp_path), "tasks": []}
    journal.write_json(journal.mirror_path(tmp_path, "c"), {"model": "c", "version": 3, "champion": 3, "versions": [entry]})
    journal.note_failure(run_dir, "model/d", error="Diverged", message="d diverged")
    return tmp_path


def test_each_model_is_shown_with_its_round_what_it_does_and_what_is_left(state):
    broker = LeaseBroker(state / "locks" / "leases", MACHINE)
    with broker.round("a", 3, cores=2):
        found = moment(state, inventory=MACHINE)
    rows = {row["model"]: row for row in found["models"]}
    assert {name: (row["round"], row["rounds"], row["state"]) for name, row in rows.items()} == {
        "a": (2, 4, "computing"),
        "b": (0, 4, "waiting"),
        "c": (4, 4, "version 3"),
        "d": (0, 4, "failed"),
        "e": (None, None, "already trained"),
    }
    assert (rows["a"]["cores"], rows["a"]["device"], rows["a"]["valid_score"]) == (2, "cpu", 0.7)
    assert rows["a"]["eta_s"] == pytest.approx(0, abs=1)  # two rounds of 20 s are left, and the last one ended 40 s ago
    assert rows["b"]["eta_s"] is None
    assert rows["c"]["champion"] is True
    assert (found["machine"]["cores"], found["machine"]["cores_leased"]) == (4, 2)
    assert (found["run"]["run_id"], found["run"]["status"]) == ("r1", "STARTED")


def test_the_frame_shows_names_as_they_are_and_who_waits(state):
    found = moment(state, inventory=MACHINE)
    found["models"][1]["state"] = "queued"
    found["models"][0]["model"] = "[red]a[/red]"
    screen = io.StringIO()
    Console(file=screen, width=150).print(frame(found))
    text = screen.getvalue()
    assert "[red]a[/red]" in text
    assert "2 of 4" in text
    assert "queue: b\n" in text
    assert "version 3, champion" in text
    assert "machine: 0 of 4 cores leased" in text


def test_a_run_whose_process_is_gone_is_not_shown_as_running(state):
    journal.note_run(state / "runs" / "r1", pid=2**22 - 3, pid_started=1.0)
    found = moment(state, inventory=MACHINE)
    assert (found["run"]["status"], "--resume" in found["run"]["note"]) == ("FAILURE", True)
    assert {row["model"]: row["state"] for row in found["models"]}["b"] == "not finished"


def test_a_state_where_nothing_ran_is_left_as_it_is(tmp_path):
    found = moment(tmp_path / "state", inventory=MACHINE)
    assert (found["run"], found["stages"], found["models"], found["machine"]["cores_leased"]) == (None, [], [], 0)
    assert list(tmp_path.iterdir()) == []


def test_stages_at_work_are_told_with_their_rate_and_what_is_left(tmp_path):
    said_lines = []
    with progress(tmp_path, "scan", 200, said_lines.append) as told:
        told.started, told._noted, told._said = time.time() - 10, 0.0, 0.0
        told.add(50)
        (stage,) = moment(tmp_path, inventory=MACHINE)["stages"]
        assert (stage["what"], stage["done"], stage["total"]) == ("scan", 50, 200)
        assert (stage["rate"], stage["eta_s"]) == (pytest.approx(5, rel=0.1), pytest.approx(30, rel=0.1))
    assert said_lines == ["scan: 50 of 200 files, 5.0 a second, 30 s to go"]
    assert under_way(tmp_path) == []


def test_what_a_dead_process_was_at_is_not_told(tmp_path):
    folder = tmp_path / "progress"
    folder.mkdir()
    for pid in (2**22 - 3, os.getpid()):
        (folder / f"scan-{pid}.json").write_text(json.dumps({"what": f"{pid}", "done": 1, "total": 2, "started": 0.0, "pid": pid}), encoding="utf-8")
    (folder / "cut.json").write_text('{"what": "sc', encoding="utf-8")
    assert [one["what"] for one in under_way(tmp_path)] == [str(os.getpid())]


def test_rates_and_durations_in_words():
    assert said(0, 10, 5.0) == "just begun"
    assert said(3400, 6800, 10.0) == "340 a second, 10 s to go"
    assert [duration(seconds) for seconds in (None, 42.4, 185, 3723)] == ["", "42 s", "3:05", "1:02:03"]
