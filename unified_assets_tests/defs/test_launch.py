"""What a resumed run keeps of the one it goes on with."""

import dagster as dg
import pytest

from unified_assets.core.settings import Settings
from unified_assets.definitions import job_named
from unified_assets.defs import launch
from unified_assets.defs.instance import open_instance
from unified_assets.defs.steps import TRAINING_TAG


@pytest.mark.parametrize("job", ["quick_start", "__ASSET_JOB"])
def test_a_resumed_run_keeps_the_configuration_of_the_launchpad_its_tags_and_its_partition(tmp_path, monkeypatch, job):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for name in ("RAW", "STATE"):
        monkeypatch.setenv(f"UNIFIED_ASSETS_{name}", "")  # set again by `resume`, and put back afterwards
    settings = Settings(raw=tmp_path / "raw", state=tmp_path / "state").absolute()
    config = {"resources": {"training": {"config": {"epochs": 3}}}}
    tags = {"unified_assets/set/seed": "8", "dagster/partition": "image", TRAINING_TAG: "true"}
    with open_instance(settings) as instance:
        run = dg.DagsterRun(job_name=job, status=dg.DagsterRunStatus.FAILURE, run_config={**config, "execution": {"config": {}}}, tags=tags)
        instance.add_run(run)
    asked = {}

    def executed(_settings, _instance, name, given, *, again, config, log):
        asked.update(job=name, tags=given, root=again[1], config=config)

    monkeypatch.setattr(launch, "_execute", executed)
    launch.resume(settings, log=print)
    assert (asked["job"], asked["root"], asked["config"]) == (job, run.run_id, config)
    assert {name: value for name, value in asked["tags"].items() if name in tags} == tags
    assert not [name for name in asked["tags"] if "range" in name or name == "unified_assets/preset"]
    dg.validate_run_config(job_named(job), {**asked["config"], **launch.QUIET})
