import json

import polars as pl
import pytest

from unified_assets.core import tables
from unified_assets.core.errors import InvalidSetting
from unified_assets.reports import find_run, write_report
from unified_assets.reports.collect import collect
from unified_assets.tracking import journal


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "runs" / "abc123"
    journal.note_run(folder, run_id="abc123", preset="quick_start", status="FAILURE", seconds=12.0, started=1.0)
    (folder / "rounds").mkdir()
    (folder / "leases").mkdir()
    row = {"model": "m", "round": 1, "epochs": 2, "steps": 9, "train_loss": 0.5, "valid_score": 0.7, "learning_rate": 0.1, "compute_s": 3.0}
    row |= {"wait_s": 1.0, "cpu_s": 3.0, "peers": ["p"], "ended": 9.0, "lessons": {"t": 0.8}}
    (folder / "rounds" / "m.jsonl").write_text(json.dumps(row) + '\n{"model": "m", "rou', encoding="utf-8")
    lease = {"model": "m", "round": 1, "cores": 1, "threads": 1, "device": "cpu", "acquired": 5.0, "released": 8.0}
    (folder / "leases" / "m.jsonl").write_text(json.dumps(lease) + "\n", encoding="utf-8")
    sample = {"model": "m", "load": 1.5, "cpu_share": 0.5, "memory_used_gib": 3.0, "step_memory_gib": 0.5, "gpu_used_gib": [2.0], "disk_free_gib": 9.0}
    (folder / "machine").mkdir()
    (folder / "machine" / "m.jsonl").write_text("".join(json.dumps({"at": at, **sample}) + "\n" for at in (8.0, 6.0)) + '{"at": 9', encoding="utf-8")
    task = {"task": "<b>t</b>", "kind": "classification", "metric": "accuracy", "score": 0.6, "baseline": 0.9, "majority": 0.1, "beats_baseline": False}
    entry = {"version": 1, "run_id": "abc123", "identity": "i", "dataset": "d", "folder": str(tmp_path), "tasks": [task], "decision": "first version"}
    journal.write_json(journal.mirror_path(tmp_path, "m"), {"model": "m", "version": 1, "champion": 1, "versions": [entry]})
    journal.note_failure(folder, "model/n", error="Diverged", message="n diverged <script>")
    return folder


def test_report_of_a_failed_run_shows_what_trained_what_loses_and_what_failed(run_dir, tmp_path):
    page, facts = write_report(run_dir, state=tmp_path)
    text = page.read_text(encoding="utf-8")
    assert (facts["trained"], facts["failed"], facts["below_baseline"]) == (["m"], ["model/n"], ["<b>t</b>"])
    assert "n diverged &lt;script&gt;" in text
    assert "<b>t</b>" not in text
    assert "below its baseline" in text
    assert "Retrieval" not in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_the_report_says_how_often_a_file_finds_what_belongs_to_it(run_dir, tmp_path):
    row = {"query": "image", "answer": "audio", "candidates": 67, "recall_at_1": 0.1256, "chance_at_1": 0.0149}
    results = run_dir / "models" / "n" / "final" / "results.json"
    results.parent.mkdir(parents=True)
    results.write_text(json.dumps({"tasks": [], "retrieval": [row]}), encoding="utf-8")
    text = write_report(run_dir, state=tmp_path)[0].read_text(encoding="utf-8")
    assert "Retrieval" in text
    for cell in ("image", "audio", "67", "0.126", "0.015"):
        assert f">{cell}<" in text


def test_tables_of_a_run_have_the_declared_columns_and_skip_a_line_cut_short(run_dir, tmp_path):
    write_report(run_dir, state=tmp_path)
    rounds, leases = pl.read_parquet(run_dir / "rounds.parquet"), pl.read_parquet(run_dir / "leases.parquet")
    assert (dict(rounds.schema), len(rounds)) == (tables.ROUNDS, 1)
    assert (dict(leases.schema), len(leases)) == (tables.LEASES, 1)


def test_the_machine_is_drawn_over_time_with_its_gpus(run_dir, tmp_path):
    assert [row["at"] for row in collect(run_dir, state=tmp_path).machine] == [6.0, 8.0]
    text = write_report(run_dir, state=tmp_path)[0].read_text(encoding="utf-8")
    for title in ("Cores: all programs of the machine", "Memory", "GPU memory", "Free disk"):
        assert f'aria-label="{title}"' in text or f">{title}<" in text
    assert "whole machine" in text


def test_report_of_a_run_that_has_written_nothing_is_a_page_too(tmp_path):
    page, facts = write_report(tmp_path / "runs" / "new", state=tmp_path)
    assert "no round was trained" in page.read_text(encoding="utf-8")
    assert facts["models"] == []


def test_a_run_is_found_by_the_beginning_of_its_name(run_dir, tmp_path):
    assert find_run(tmp_path, "abc") == find_run(tmp_path, "last") == run_dir
    with pytest.raises(InvalidSetting, match="no such run"):
        find_run(tmp_path, "zzz")
