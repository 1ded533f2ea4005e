import json

import dagster as dg
import pytest

from unified_assets.core.settings import Settings
from unified_assets.defs import new_files_sensor, retrain_sensor
from unified_assets.defs.jobs import all_jobs
from unified_assets.defs.resources import resources
from unified_assets.defs.steps import TRAINING_TAG
from unified_assets.tracking import journal
from unified_assets.tracking.staleness import StaleModel, stale_models

HOUR = 3600.0


def test_files_are_read_once_when_they_have_settled():
    now = 10_000_000.0
    wanted, why, cursor = new_files_sensor.decide({"image": "a"}, {}, now, settle_s=20)
    assert (wanted, why) == (False, "files are changing")
    wanted, why, cursor = new_files_sensor.decide({"image": "a"}, cursor, now + 15, settle_s=20)
    assert (wanted, why) == (False, "files changed 15 s ago: waiting until they have settled for 20 s")
    wanted, why, cursor = new_files_sensor.decide({"image": "b"}, cursor, now + 30, settle_s=20)  # another burst: the wait begins anew
    assert (wanted, why) == (False, "files are changing")
    assert not new_files_sensor.decide({"image": "b"}, cursor, now + 45, settle_s=20)[0]
    wanted, why, cursor = new_files_sensor.decide({"image": "b"}, cursor, now + 50, settle_s=20)
    assert (wanted, why) == (True, "files changed: image")
    assert new_files_sensor.decide({"image": "b"}, cursor, now + 60, settle_s=20)[:2] == (False, "no file changed")


def settings(**given):
    return Settings(**{"retrain_examples": 50, "retrain_share": 0.1, "retrain_age_h": 24, "cool_down_min": 60, **given})


def stale(changed, labelled=1000, model="vision_service"):
    return StaleModel(model=model, changed=changed, labelled=labelled)


@pytest.mark.parametrize(
    ("found", "stale_since", "last_training", "models", "words"),
    [
        ([], 0.0, 0.0, (), "no model is stale"),
        ([stale(49)], 0.0, 0.0, (), "49 labelled examples: 50 are worth a training"),
        ([stale(50)], 0.0, 0.0, ("vision_service",), "50 labelled examples more or fewer of 1000"),
        ([stale(10, labelled=100)], 0.0, 0.0, ("vision_service",), "10 labelled examples more or fewer of 100"),
        ([stale(1)], 25 * HOUR, 0.0, ("vision_service",), "stale for 25 hours"),
        ([stale(500)], 0.0, 40 * 60.0, (), "20 minutes to wait"),
        ([stale(0, model="math_model"), stale(60)], 0.0, 0.0, ("math_model", "vision_service"), "vision_service has 60"),
    ],
)
def test_stale_models_are_trained_past_a_threshold_of_examples_share_or_age_but_not_too_soon(found, stale_since, last_training, models, words):
    now = 10_000_000.0
    begun = now - last_training if last_training else 0.0
    since = {model.model: now - stale_since for model in found}
    wanted, why, following = retrain_sensor.worth_training(found, since, now, last_training=begun, settings=settings())
    assert wanted == models
    assert words in why
    assert following == since


def test_what_is_stale_is_counted_in_labelled_examples_of_all_tasks(tmp_path):
    journal.record_stage(tmp_path, "dataset/m", versions={}, made_from="x", digest="new", tasks=["a", "b"], labelled={"a": 30, "b": 7})
    journal.record_stage(tmp_path, "dataset/n", versions={}, made_from="x", digest="same", tasks=["a"], labelled={"a": 30})
    journal.record_stage(tmp_path, "dataset/nothing", versions={}, made_from="x", digest="new", tasks=[], labelled={})
    entry = {
        "version": 1,
        "code_version": "1",
        "tasks": [{"task": "a", "train": 10, "valid": 5, "test": 5}, {"task": "gone", "train": 1, "valid": 1, "test": 1}],
    }
    for model, dataset in (("m", "old"), ("n", "same")):
        journal.write_json(journal.mirror_path(tmp_path, model), {"model": model, "version": 1, "versions": [{**entry, "dataset": dataset}]})
    found = stale_models(tmp_path, code_versions={"m": "1", "n": "1", "nothing": "1", "never_built": "1"})
    assert found == [StaleModel(model="m", changed=10 + 7 + 3, labelled=37)]


def evaluate(sensor, state, raw, instance, cursor=None):
    given = resources(Settings(raw=raw, state=state))
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"lake": given["lake"]})
    return sensor(context), context.cursor


def test_ten_thousand_files_in_bursts_ask_for_one_refresh(tmp_path, monkeypatch):
    raw, state = tmp_path / "raw", tmp_path / "state"
    (raw / "inbox").mkdir(parents=True)
    monkeypatch.setenv("UNIFIED_ASSETS_SETTLE_S", "0")
    sensor = new_files_sensor.new_files_sensor(all_jobs(), auto=False)
    requests, cursor = [], None
    with dg.DagsterInstance.ephemeral() as instance:
        for burst in range(4):
            for index in range(2500):
                (raw / "inbox" / f"{burst}-{index}.txt").touch()
            result, cursor = evaluate(sensor, state, raw, instance, cursor)
            assert isinstance(result, dg.SkipReason)
        for _ in range(3):
            result, cursor = evaluate(sensor, state, raw, instance, cursor)
            requests += result.run_requests if isinstance(result, dg.SensorResult) else []
    assert [request.job_name for request in requests] == ["refresh"]
    assert json.loads(cursor).keys() == {"digests"}


def test_the_models_that_are_stale_are_asked_for_in_one_run_and_not_while_one_is_at_work(tmp_path):
    raw, state = tmp_path / "raw", tmp_path / "state"
    raw.mkdir()
    for model in ("vision_service", "multimodal_service"):
        journal.record_stage(state, f"dataset/{model}", versions={}, made_from="x", digest="d", tasks=["a"], labelled={"a": 300})
    sensor = retrain_sensor.retrain_sensor(all_jobs(), auto=False)

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def work() -> None:
        nothing()

    with dg.DagsterInstance.ephemeral() as instance:
        result, _ = evaluate(sensor, state, raw, instance)
        (request,) = result.run_requests
        assert request.job_name == "quick_start"
        trained = sorted(key.to_user_string() for key in request.asset_selection if key.path[0] == "model")
        assert trained == ["model/multimodal_service", "model/vision_service"]
        assert request.tags["unified_assets/preset"] == "quick_start"
        assert request.tags["dagster/asset_partition_range_start"] == "document"
        run = instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED, tags={TRAINING_TAG: "true"})
        result, _ = evaluate(sensor, state, raw, instance)
        assert result.skip_message == f"run {run.run_id} (work) is at work"


def test_models_that_the_preset_leaves_out_are_not_asked_for(tmp_path, monkeypatch):
    raw, state = tmp_path / "raw", tmp_path / "state"
    raw.mkdir()
    monkeypatch.setenv("UNIFIED_ASSETS_PRESET", "vision_focus")
    for model in ("vision_service", "math_model"):
        journal.record_stage(state, f"dataset/{model}", versions={}, made_from="x", digest="d", tasks=["a"], labelled={"a": 300})
    sensor = retrain_sensor.retrain_sensor(all_jobs(), auto=False)
    with dg.DagsterInstance.ephemeral() as instance:
        result, _ = evaluate(sensor, state, raw, instance)
    (request,) = result.run_requests
    assert request.job_name == "vision_focus"
    assert [key.to_user_string() for key in request.asset_selection if key.path[0] == "model"] == ["model/vision_service"]
