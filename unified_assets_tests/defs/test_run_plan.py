"""Who trains in a run, decided from what lies in the state folder."""

import json

import dagster as dg
import polars as pl
import pytest

from unified_assets.core.presets import Preset
from unified_assets.core.settings import Settings
from unified_assets.datasets.build import ROWS
from unified_assets.defs.run_plan import run_plan
from unified_assets.defs.steps import Step
from unified_assets.store.local import Store
from unified_assets.tracking import journal
from unified_assets.tracking.staleness import stale_models

PRESET = Preset(name="p", target_models=("logic_model", "math_model", "vision_service"))


def dataset(state, model, *, train, test=5):
    """What the dataset of a model leaves; of its examples only the numbers."""
    counts = {"tasks": {"t": {"train": train, "valid": 0, "test": test}}, "pairs": 0}

    def write(folder):
        content = {"model": model, "digest": f"d-{model}", "counts": counts, "tasks": [], "modality_digests": {}, "dropped": {}}
        (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
        pl.DataFrame(schema=ROWS).write_parquet(folder / "examples.parquet")

    Store(state).publish(f"datasets/{model}", write)
    journal.record_stage(
        state, f"dataset/{model}", versions={}, made_from="x", digest=f"d-{model}", tasks=["t"], labelled={"t": train + test}, train=train, pairs=0
    )


@pytest.fixture
def step(tmp_path):
    """The step of a model in a run that was asked for models alone."""
    settings = Settings(raw=tmp_path / "raw", state=tmp_path / "state").absolute()

    with dg.DagsterInstance.ephemeral() as instance:
        chosen = frozenset(dg.AssetKey(["model", name]) for name in PRESET.target_models)
        run = instance.add_run(dg.DagsterRun(job_name="train", asset_selection=chosen))
        folder = journal.run_folder(settings.state, run.run_id)

        def of(model):
            return Step(f"model/{model}", run.run_id, run.run_id, None, {}, "lock", folder, settings, instance, print)

        yield of


def test_a_model_whose_dataset_came_too_late_for_the_plan_joins_when_the_run_is_resumed(step):
    state = step("logic_model").settings.state
    dataset(state, "logic_model", train=10)
    first = run_plan(step("logic_model"), PRESET)
    assert first.members == ("logic_model",)
    dataset(state, "math_model", train=10)
    assert run_plan(step("logic_model"), PRESET) == first  # whoever trains already is not held up
    joined = run_plan(step("math_model"), PRESET)
    assert joined.members == ("logic_model", "math_model")
    assert joined.datasets.keys() == joined.identities.keys() == {"logic_model", "math_model"}
    assert run_plan(step("logic_model"), PRESET) == joined


def test_a_model_with_tests_alone_and_nobody_to_teach_it_is_left_out_and_not_asked_for_again(step):
    state = step("logic_model").settings.state
    dataset(state, "logic_model", train=0)
    dataset(state, "math_model", train=10)
    plan = run_plan(step("math_model"), PRESET)
    assert plan.members == ("math_model",)
    assert plan.skipped == {"logic_model": "nothing to learn from: no example on the train side, and no model of this run that could teach it"}
    assert [model.model for model in stale_models(state, code_versions={"logic_model": "1", "math_model": "1"})] == ["math_model"]
