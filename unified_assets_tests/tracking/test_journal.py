import os

from unified_assets.tracking import fingerprint, journal
from unified_assets.tracking.status import status


def test_identity_is_the_data_the_code_and_what_the_preset_says():
    same = journal.identity_of(dataset="d", version="1", preset={"name": "a", "epochs": 3, "target_models": ["x"]})
    assert same == journal.identity_of(dataset="d", version="1", preset={"name": "b", "epochs": 3, "target_models": "all"})
    assert same != journal.identity_of(dataset="e", version="1", preset={"epochs": 3})
    assert same != journal.identity_of(dataset="d", version="2", preset={"epochs": 3})
    assert same != journal.identity_of(dataset="d", version="1", preset={"epochs": 4})


def test_a_run_whose_process_is_gone_counts_as_failed(tmp_path):
    journal.note_run(tmp_path / "runs" / "a", run_id="a", status="STARTED", started=1.0, pid=2**22 - 3, pid_started=1.0)
    journal.note_run(tmp_path / "runs" / "b", run_id="b", status="STARTED", started=2.0, **journal.this_process())
    assert [(run["run_id"], run["status"]) for run in journal.runs(tmp_path)] == [("b", "STARTED"), ("a", "FAILURE")]


def test_a_process_id_that_was_given_to_another_process_is_not_alive():
    assert journal.is_alive(os.getpid(), journal.this_process()["pid_started"])
    assert not journal.is_alive(os.getpid(), 1.0)
    assert not journal.is_alive(None, None)


def test_fingerprints_change_with_their_own_modality_alone(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"1")
    (tmp_path / "b.TXT").write_bytes(b"2")
    (tmp_path / ".hidden").write_bytes(b"3")
    (tmp_path / "link.txt").symlink_to(tmp_path / "b.TXT")
    names = {"wav": "audio", "txt": "text"}
    before = fingerprint.raw_fingerprints(tmp_path, names)
    (tmp_path / "c.txt").write_bytes(b"4")
    after = fingerprint.raw_fingerprints(tmp_path, names)
    assert {name: found.files for name, found in after.items()} == {"audio": 1, "text": 2, "other": 0}
    assert before["audio"] == after["audio"]
    assert before["text"].digest != after["text"].digest


def test_status_of_a_lake_that_never_ran_is_empty(tmp_path):
    assert status(tmp_path, code_versions={}) == {"models": [], "files": {}, "stale": [], "runs": []}


def test_status_tells_what_is_stale_one_step_at_a_time(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.txt").write_text("x", encoding="utf-8")
    state = tmp_path / "state"
    journal.write_json(state / "lake.json", {"raw": str(raw)})
    journal.record_stage(state, "catalog", versions={"text": "1"}, made_from=fingerprint.raw_digest(raw), files={"text": 1})
    journal.record_stage(state, "quality_report", versions={"text": "q"}, made_from=journal.digest_of({"text": "1"}))
    made_from = journal.digest_of([{"text": "1"}, {"text": "q"}])
    journal.record_stage(state, "allocation", versions={"text": "a"}, made_from=made_from, model_digests={"m": "d1", "n": "d2"})
    journal.record_stage(state, "dataset/m", versions={}, made_from="d1", digest="e1", tasks=["t"])
    journal.record_stage(state, "dataset/n", versions={}, made_from="old", digest="e2", tasks=[])
    assert status(state, code_versions={})["stale"] == ["model/m", "dataset/n"]
    entry = {"version": 1, "dataset": "e1", "code_version": "1", "identity": "i", "folder": str(tmp_path), "tasks": []}
    journal.write_json(journal.mirror_path(state, "m"), {"model": "m", "version": 1, "champion": 1, "versions": [entry]})
    assert status(state, code_versions={"m": "1"})["stale"] == ["dataset/n"]
    assert status(state, code_versions={"m": "2"})["stale"] == ["model/m", "dataset/n"]
    (raw / "b.txt").write_text("y", encoding="utf-8")
    assert status(state, code_versions={"m": "1"})["stale"] == ["catalog", "dataset/n"]


def test_status_shows_the_champion_and_null_for_what_was_not_measured(tmp_path):
    task = {"task": "t", "kind": "classification", "subject": "image", "train": 8, "valid": 1, "test": 2, "metric": "accuracy", "score": 0.5}
    entries = [{"version": version, "tasks": [{**task, "score": version / 4}]} for version in (1, 2)]
    journal.write_json(journal.mirror_path(tmp_path, "m"), {"model": "m", "version": 2, "champion": 1, "versions": entries})
    (model,) = status(tmp_path, code_versions={})["models"]
    assert (model["version"], model["champion"], model["tasks"][0]["score"], model["tasks"][0]["alone"]) == (2, 1, 0.25, None)
