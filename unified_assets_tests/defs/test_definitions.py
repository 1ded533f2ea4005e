import importlib
import subprocess
import sys
from pathlib import Path

import dagster as dg
import yaml

from unified_assets.core import plugins
from unified_assets.core.settings import Settings
from unified_assets.defs.fork_server import PRELOAD
from unified_assets.defs.instance import DAGSTER_YAML
from unified_assets.defs.partitions import MODALITY, modality_names
from unified_assets.presets import preset_names

PROJECT = Path(__file__).resolve().parents[2]


def definitions():
    return importlib.import_module("unified_assets.definitions").defs


def test_every_asset_has_the_one_partition_set_and_one_run_for_all_of_it():
    graph = definitions().get_repository_def().asset_graph
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.partitions_def == MODALITY, key
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), key


def test_all_partitions_are_mapped_to_all_only_from_catalog_to_allocation():
    found = set()
    for assets in definitions().get_repository_def().assets_defs_by_key.values():
        for key in assets.keys:
            for parent in assets.asset_deps.get(key, ()):
                if isinstance(assets.get_partition_mapping(parent), dg.AllPartitionMapping):
                    found.add((parent.to_user_string(), key.to_user_string()))
    assert found == {("catalog", "allocation")}


def test_a_model_a_dataset_and_a_job_each():
    graph = definitions().get_repository_def().asset_graph
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    models = set(plugins.models())
    assert names == {
        "raw_files",
        "catalog",
        "quality_report",
        "allocation",
        "training_report",
        *(f"{kind}/{model}" for model in models for kind in ("dataset", "model")),
    }
    jobs = {job.name: job for job in definitions().resolve_all_job_defs() if not job.name.startswith("__")}
    assert set(jobs) == {"refresh", "train", *preset_names()}
    for job in jobs.values():
        assert job.tags["dagster/asset_partition_range_start"] == modality_names()[0] == "document"
        assert job.tags["dagster/asset_partition_range_end"] == modality_names()[-1]
    assert jobs["quick_start"].tags["unified_assets/preset"] == "quick_start"


def test_every_asset_says_what_it_is_whose_it_is_and_of_what_kind():
    graph = definitions().get_repository_def().asset_graph
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners == ["team:unified_assets"], key
        assert node.group_name in {"lake", "datasets", "models"}, key
        assert node.kinds, key
        assert key.path[0] not in {"dataset", "model"} or node.tags["unified_assets/model"] == key.path[1]


def test_every_training_op_asks_for_the_machine():
    graph = definitions().get_repository_def()
    for model in plugins.models():
        assert "compute" in graph.assets_defs_by_key[dg.AssetKey(["model", model])].required_resource_keys


def test_sensors_that_may_train_are_off_and_housekeeping_is_on():
    sensors = {sensor.name: sensor.default_status.value for sensor in definitions().get_repository_def().sensor_defs}
    assert sensors == {"new_raw_files": "STOPPED", "stale_models": "STOPPED", "dead_runs": "RUNNING", "report_of_failed_run": "RUNNING"}
    schedules = {schedule.name: schedule.default_status.value for schedule in definitions().get_repository_def().schedule_defs}
    assert schedules == {"nightly": "STOPPED"}


def test_the_preload_module_imports_and_computes_nothing():
    code = f"import {PRELOAD}, sys, threading; assert 'torch' in sys.modules and 'mlflow' in sys.modules; import torch; assert not torch.cuda.is_initialized()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_loading_the_definitions_imports_nothing_heavy():
    code = "import sys, unified_assets.definitions; print([m for m in ('torch', 'mlflow', 'sklearn', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_instance_of_dagster_dev_is_that_of_the_default_state_and_configured_alike():
    ours, project = yaml.safe_load(DAGSTER_YAML), yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
    home = Settings.model_fields["state"].default / "dagster"
    places = {name: project.pop(name) for name in ("storage", "compute_logs", "local_artifact_storage")}
    assert project == ours
    assert places["storage"] == {"sqlite": {"base_dir": str(home)}}
    assert {name: places[name]["config"]["base_dir"] for name in ("compute_logs", "local_artifact_storage")} == {
        "compute_logs": str(home / "storage"),
        "local_artifact_storage": str(home),
    }
