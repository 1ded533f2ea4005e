"""One job for each preset, `train` for a preset of one's own, and `refresh`: everything up to the datasets."""

from typing import Any

import dagster as dg

from unified_assets.core import plugins
from unified_assets.defs.chosen_preset import PRESET_TAG
from unified_assets.defs.partitions import whole_range
from unified_assets.defs.provenance import asset_key
from unified_assets.defs.steps import TRAINING_TAG
from unified_assets.presets import load_preset, preset_names

REFRESH = "refresh"
TRAIN = "train"
REFRESH_TAG = "unified_assets/refresh"
DATA = ("catalog", "quality_report", "allocation")


def selection(models: tuple[str, ...], *, training: bool) -> list[dg.AssetKey]:
    """The assets a run over these models needs."""
    datasets = [f"dataset/{model}" for model in models]
    trained = [*(f"model/{model}" for model in models), "training_report"] if training else []
    return [asset_key(name) for name in (*DATA, *datasets, *trained)]


def job_of(preset: str) -> str:
    """The name of the job that trains with a preset given by name or path."""
    return preset if preset in preset_names() else TRAIN


def all_jobs() -> list[Any]:
    """All jobs. A launch without tags covers all partitions: the range stands in the job's own tags."""
    known = tuple(plugins.models())
    made = [
        dg.define_asset_job(
            REFRESH,
            selection=selection(known, training=False),
            tags={**whole_range(), REFRESH_TAG: "true"},
            description="From the raw files to the datasets; trains nothing.",
        )
    ]
    made.append(
        dg.define_asset_job(
            TRAIN,
            selection=selection(known, training=True),
            tags={**whole_range(), TRAINING_TAG: "true"},
            description="All models, with the preset that the resource `lake` names or the run's tag gives: for a preset of one's own.",
        )
    )
    for name in preset_names():
        preset = load_preset(name)
        made.append(
            dg.define_asset_job(
                name,
                selection=selection(preset.models(known), training=True),
                tags={**whole_range(), PRESET_TAG: name, TRAINING_TAG: "true"},
                description=preset.description,
            )
        )
    return made
