import json

import polars as pl
import pytest

from unified_assets.core import tables
from unified_assets.core.errors import InvalidSetting
from unified_assets.reports import find_run, write_report
from unified_assets.reports.collect import collect
from unified_assets.store.local import Store, write_table
from unified_assets.tracking import journal
from unified_assets.tracking.status import run_rows

REST = ("examples", "won", "lost", "p_value", "challenger")  # of a comparison


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


def test_what_a_pretrained_encoder_gave_is_a_column_of_its_own_only_where_it_was_measured(run_dir, tmp_path):
    assert "encoder: " not in write_report(run_dir, state=tmp_path)[0].read_text(encoding="utf-8")
    mirror = journal.read_json(journal.mirror_path(tmp_path, "m"))
    parts = [{"channels": [], "encoder": has, "seed": 7, "cpu_s": 1.0, "score": score} for has, score in ((True, 0.75), (False, 0.5))]
    mirror["versions"][0]["tasks"][0] |= {"encoder_linear": {"without": 0.5, "with": 0.625}, "encoder_gain": 0.25, "ablation": parts}
    journal.write_json(journal.mirror_path(tmp_path, "m"), mirror)
    text = write_report(run_dir, state=tmp_path)[0].read_text(encoding="utf-8")
    assert all(told in text for told in ("encoder: linear part, validation", "0.500 → 0.625", "encoder: with − without, test", "0.25"))
    assert "Test scores without and with the pretrained encoder" in text


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


def test_a_run_that_died_before_it_noted_its_name_is_found_by_its_folder(run_dir, tmp_path):
    journal.note_run(tmp_path / "runs" / "dead5", status="FAILURE", seconds=13.0, failed={"catalog": "interrupted"})
    assert find_run(tmp_path, "dead") == tmp_path / "runs" / "dead5"
    assert [row["run_id"] for row in run_rows(tmp_path)] == ["abc123", "dead5"]


def test_a_report_shows_mistakes_with_what_was_seen_and_where_it_stands_and_the_champion_beside_the_score(run_dir, tmp_path):
    tiny = "data:image/png;base64,iVBORw0KGgo="
    worst = [
        {"example_id": "e1", "target": "cat", "answer": "dog", "confidence": 0.91, "text": "", "picture": tiny},
        {"example_id": "e2", "target": "cat", "answer": "owl", "confidence": 0.8, "text": "<script>mew", "picture": None},
        {"example_id": "gone", "target": "cat", "answer": "owl", "confidence": 0.7, "text": "far", "picture": "https://elsewhere/x.png"},
    ]
    matrix = {"classes": ["cat", "dog"], "counts": [[1, 2], [0, 3]]}
    calibration = {"error": 0.123, "bins": [{"from": 0.9, "to": 1.0, "answers": 6, "confidence": 0.95, "right": 0.5}]}
    seen = {"<b>t</b>": {"confused": [], "matrix": matrix, "calibration": calibration, "worst": worst}}
    final = run_dir / "models" / "m" / "final"
    final.mkdir(parents=True)
    (final / "evaluation.json").write_text(json.dumps(seen), encoding="utf-8")
    inputs = [{"role": "image", "path": "pets/1.png", "locator": None, "text": None}]
    row = {"example_id": "e1", "model": "m", "task": "t", "kind": "classification", "inputs": inputs, "target": "cat", "group": "g", "split": "test"}
    Store(tmp_path).publish("allocation", lambda folder: write_table(folder, "examples", pl.DataFrame([row], schema=tables.EXAMPLES)))
    mirror = journal.registered(tmp_path)["m"]
    mirror["versions"][0]["comparisons"] = [{"task": "<b>t</b>", "reference": "champion (version 1)", "champion": 0.4444, "worse": False} | dict.fromkeys(REST)]
    journal.write_json(journal.mirror_path(tmp_path, "m"), mirror)
    text = write_report(run_dir, state=tmp_path)[0].read_text(encoding="utf-8")
    for said in ("dog (0.91); true: cat · pets/1.png", "Calibration: expected error 0.123", "&lt;script&gt;mew", "owl (0.80); true: cat", "0.444", "Confusion"):
        assert said in text, said
    assert tiny in text
    assert "elsewhere" not in text
    assert "<script>" not in text
