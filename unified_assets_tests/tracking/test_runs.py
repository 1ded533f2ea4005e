import json

from unified_assets.tracking import journal

GONE = 2**22 - 5


def a_run(state, *, registered):
    run = state / "runs" / "r1"
    journal.write_json(run / "run.json", {"run_id": "r1", "status": "STARTED", "started": 100.0, "pid": GONE, "pid_started": 1.0, "failed": {}})
    journal.write_json(run / "members.json", {"members": ["m", "n"]})
    for name in registered:
        entry = {"version": 1, "run_id": "r1", "folder": f"f/{name}", "registered": 160.0}
        journal.write_json(journal.mirror_path(state, name), {"model": name, "version": 1, "versions": [entry]})
    return journal.runs(state)[0]


def test_a_run_without_a_report_whose_models_are_all_registered_succeeded(tmp_path):
    record = a_run(tmp_path, registered=["m", "n"])
    assert (record["status"], record["seconds"]) == ("SUCCESS", 60.0)
    assert "note" not in record


def test_a_run_whose_process_is_gone_before_a_model_was_registered_failed_and_says_how_to_go_on(tmp_path):
    record = a_run(tmp_path, registered=["m"])
    assert record["status"] == "FAILURE"
    assert "train --resume" in record["note"]


def test_a_record_that_cannot_be_read_is_left_out(tmp_path):
    a_run(tmp_path, registered=["m"])
    (tmp_path / "runs" / "r2").mkdir()
    (tmp_path / "runs" / "r2" / "run.json").write_text(json.dumps({}))
    assert [record["run_id"] for record in journal.runs(tmp_path)] == ["r1"]
