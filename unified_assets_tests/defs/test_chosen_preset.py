import dagster as dg
import pytest

from unified_assets.core.errors import InvalidSetting
from unified_assets.definitions import defs
from unified_assets.defs.chosen_preset import chosen_preset
from unified_assets.defs.resources import LakeResource, TrainingResource

LAKE = LakeResource(raw="raw", state="state")


def test_the_resource_changes_the_preset_and_tags_change_both():
    training = TrainingResource(epochs=6, rounds=3, priority={"vision_service": 4}, device="cpu", target_models=["vision_service"], refit=False)
    tags = {"unified_assets/preset": "quick_start", "unified_assets/set/seed": "11", "unified_assets/set/exchange": "false"}
    preset = chosen_preset(LAKE, training, tags)
    assert (preset.name, preset.epochs, preset.checkpoint_interval, preset.rounds, preset.refit) == ("quick_start", 6, 2, 3, False)
    assert (preset.priority, preset.device, preset.target_models, preset.seed, preset.exchange) == (
        {"vision_service": 4},
        "cpu",
        ("vision_service",),
        11,
        (),
    )


def test_fewer_epochs_than_a_round_are_one_round():
    assert chosen_preset(LAKE, TrainingResource(epochs=2), {}).rounds == 1


@pytest.mark.parametrize(
    ("training", "tags", "words"),
    [
        ({"epochs": 0}, {}, ["resource training", "epochs", "greater than or equal to 1", "Passes over the train side"]),
        ({"rounds": 0}, {}, ["resource training", "rounds", "1 or more"]),
        ({"target_models": ["vision"]}, {}, ["no such model", "vision_service"]),
        ({}, {"unified_assets/set/refit": "often"}, ["run tags", "refit", "boolean", "after the last round"]),
        ({}, {"unified_assets/set/batch_size": "many"}, ["run tags", "batch_size", "integer"]),
        ({}, {"unified_assets/set/epoch": "3"}, ["epoch", "Fields of a preset"]),
        ({}, {"unified_assets/set/epochs": "["}, ["run tags", "epochs", "as in a preset file"]),
    ],
)
def test_a_value_that_no_preset_may_hold_is_told_with_field_and_fix(training, tags, words):
    with pytest.raises(InvalidSetting) as caught:
        chosen_preset(LAKE, TrainingResource(**training), tags)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"epochs": "x"}, 'Value "x"'),
        ({"refit": "often"}, 'Value "often"'),
        ({"epoch": 3}, 'unexpected config entry "epoch"'),
        ({"device": "tpu"}, "not in enum type Device got tpu"),
    ],
)
def test_the_launchpad_refuses_wrong_types_names_and_choices(config, words):
    with pytest.raises(dg.DagsterInvalidConfigError, match=words):
        dg.validate_run_config(defs.resolve_job_def("quick_start"), {"resources": {"training": {"config": config}}})
