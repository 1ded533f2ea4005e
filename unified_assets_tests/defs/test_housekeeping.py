import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from unified_assets.core.settings import Settings
from unified_assets.defs.first_run import NothingInRaw, choose_lake, has_files
from unified_assets.defs.launch import keep_preset
from unified_assets.defs.provenance import partition_events, read_inputs
from unified_assets.defs.reaper import close_dead_runs
from unified_assets.defs.run_lock import LakeBusy, training_run
from unified_assets.defs.steps import PID_STARTED_TAG, PID_TAG, Step, _tag
from unified_assets.presets import load_preset
from unified_assets.tracking import journal


def settings(tmp_path):
    return Settings(raw=tmp_path / "raw", state=tmp_path / "state")


def test_processes_of_one_run_share_the_lake_and_another_run_is_refused(tmp_path):
    with (
        training_run(tmp_path, "one"),
        training_run(tmp_path, "one", wait=False),
        pytest.raises(LakeBusy, match="training run one is working"),
        training_run(tmp_path, "two", wait=False),
    ):
        pass
    with training_run(tmp_path, "two", wait=False):
        assert sorted(path.name for path in (tmp_path / "locks" / "training").iterdir()) == ["two"]


def test_the_lake_is_free_when_its_holder_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from unified_assets.defs.run_lock import training_run\n"
        f"with training_run(Path({str(tmp_path)!r}), 'other'):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LakeBusy), training_run(tmp_path, "mine", wait=False):
            pass
        holder.kill()
        holder.wait()
    with training_run(tmp_path, "mine", wait=False):
        pass


@pytest.mark.parametrize("before_s", [0, 2], ids=["at work", "starting"])
def test_a_step_ends_when_the_run_that_started_it_is_killed(tmp_path, before_s):
    script = tmp_path / "run_worker.py"
    script.write_text(
        "import multiprocessing, os, time\n"
        "from unified_assets.defs.watchdog import watch_ancestors\n"
        f"def step():\n    print(os.getpid(), flush=True)\n    time.sleep({before_s})\n    watch_ancestors()\n    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('forkserver').Process(target=step)\n    process.start()\n    process.join()\n",
        encoding="utf-8",
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as worker:
        step = int(worker.stdout.readline())
        assert journal.is_alive(step, None)
        worker.kill()
        worker.wait()
        deadline = time.monotonic() + 10
        while journal.is_alive(step, None) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not journal.is_alive(step, None)


def test_a_started_run_whose_process_is_gone_is_closed_and_a_living_one_is_not():
    with dg.DagsterInstance.ephemeral() as instance:

        @dg.op
        def nothing() -> None: ...

        @dg.job
        def work() -> None:
            nothing()

        mine = journal.this_process()
        started = dg.DagsterRunStatus.STARTED
        dead = instance.create_run_for_job(work, status=started, tags={PID_TAG: str(2**22 - 3), PID_STARTED_TAG: "1.0"})
        alive = instance.create_run_for_job(work, status=started, tags={PID_TAG: str(mine["pid"]), PID_STARTED_TAG: str(mine["pid_started"])})
        assert close_dead_runs(instance) == [dead.run_id]
        assert instance.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(alive.run_id).status is started


def test_events_of_partitions_carry_versions_and_what_they_were_made_from():
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("up", partition="image", tags={"dagster/data_version": "v1"}))
        inputs = read_inputs(instance, same=["up"])
        events = {event.partition: event for event in partition_events("model/m", inputs, code_version="3", versions={"image": "w"}, facts={"score": 0.5})}
        assert list(events) == ["document", "audio", "text", "video", "other", "image"]  # used ones last: the newest is what a page shows
        image = events["image"]
        assert image.asset_key == dg.AssetKey(["model", "m"])
        assert (image.tags["dagster/data_version"], image.tags["dagster/code_version"]) == ("w", "3")
        assert image.tags["dagster/input_data_version/up"] == "v1"
        assert int(image.tags["dagster/input_event_pointer/up"]) > 0
        assert events["audio"].tags["dagster/data_version"] == "unused"
        assert events["audio"].tags["dagster/input_event_pointer/up"] == "NULL"
        assert (image.metadata["used"].value, events["audio"].metadata["used"].value) == (True, False)
        assert image.metadata["score"].value == 0.5
        assert "score" not in events["audio"].metadata


def test_an_empty_raw_folder_is_told_with_what_to_do(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(NothingInRaw, match="unified-assets run"):
        choose_lake(settings(tmp_path), or_sample=False, say=print)


def test_the_sample_is_used_while_raw_is_empty_and_set_aside_afterwards(tmp_path):
    sample = tmp_path / "sample"
    sample.mkdir()
    (sample / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / ".gitkeep").touch()
    chosen = choose_lake(settings(tmp_path), or_sample=True, say=print)
    assert chosen.raw == sample
    journal.write_json(chosen.state / "lake.json", {"raw": str(sample)})
    (tmp_path / "raw" / "mine.txt").write_text("y", encoding="utf-8")
    said = []
    assert choose_lake(settings(tmp_path), or_sample=True, say=said.append).raw == tmp_path / "raw"
    assert said == [f"{tmp_path / 'raw'} holds files of your own now: the state of the sample lake is kept as {tmp_path / 'state.sample'}"]
    assert not (tmp_path / "state").exists()


def test_with_a_bucket_the_samples_state_is_set_aside_before_anything_is_fetched(tmp_path):
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "a.txt").write_text("x", encoding="utf-8")
    journal.write_json(tmp_path / "state" / "lake.json", {"raw": str(tmp_path / "sample")})
    said, given = [], settings(tmp_path).model_copy(update={"raw_url": "s3://lake/raw"})
    assert choose_lake(given, or_sample=True, say=said.append) == given
    assert said == [f"s3://lake/raw holds files of your own now: the state of the sample lake is kept as {tmp_path / 'state.sample'}"]
    assert not (tmp_path / "state").exists()


def test_a_preset_of_ones_own_is_kept_with_the_state_whatever_becomes_of_its_file(tmp_path):
    given = tmp_path / "mine.yaml"
    given.write_text("epochs: 6\ncheckpoint_interval: 2\nepoch_steps: {logic_model: [3, 9]}\ntarget_models: [logic_model]\n", encoding="utf-8")
    before = load_preset(given)
    kept = keep_preset(tmp_path / "state", before)
    assert keep_preset(tmp_path / "state", load_preset(given)) == kept
    given.write_text("epochs: 1\n", encoding="utf-8")
    assert load_preset(kept) == before
    assert (load_preset(kept).name, load_preset(kept).rounds) == ("mine", 3)
    assert keep_preset(tmp_path / "state", before.model_copy(update={"seed": 8})) != kept


def test_a_folder_inside_that_is_closed_does_not_hide_the_files_beside_it(tmp_path, monkeypatch):
    (tmp_path / "raw" / "a closed one").mkdir(parents=True)
    (tmp_path / "raw" / "b.txt").touch()
    inside = Path.iterdir

    def closed(folder):
        if folder.name == "a closed one":
            raise PermissionError(13, "Permission denied", str(folder))
        return inside(folder)

    monkeypatch.setattr(Path, "iterdir", closed)  # root is stopped by no permission
    assert has_files(tmp_path / "raw")
    (tmp_path / "raw" / "b.txt").unlink()
    assert not has_files(tmp_path / "raw")


def test_a_step_waits_while_another_process_keeps_the_instances_database_locked(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    code = "import sqlite3, sys, time; d = sqlite3.connect(sys.argv[1]); d.execute('begin immediate'); print('held', flush=True); time.sleep(7); d.rollback()"
    said = []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.add_run(dg.DagsterRun(job_name="work"))
        here = Step("model/m", run.run_id, run.run_id, None, {}, "lock", tmp_path, None, instance, said.append)
        with subprocess.Popen([sys.executable, "-c", code, str(home / "history" / "runs.db")], stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout.readline() == "held\n"
            _tag(here, {"a": "b"})
        assert instance.get_run_by_id(run.run_id).tags["a"] == "b"
    assert said
    assert set(said) == {"waiting: another process keeps Dagster's database locked"}
