import pytest

from unified_assets.core import plugins
from unified_assets.core.contracts import Needs
from unified_assets.core.errors import InvalidSetting
from unified_assets.presets import load_preset, preset_names


def test_shipped_presets_load_and_carry_their_own_name():
    shipped = {
        *("quick_start", "collaborative_training", "comprehensive_training", "full_dataset_training", "ablation", "vision_focus", "audio_focus"),
        *("math_model_training", "logic_model_training", "concept_models_training", "causal_reasoning_training"),
    }
    assert set(preset_names()) == {*shipped, "tune"}
    known = tuple(plugins.models())
    for name in preset_names():
        preset = load_preset(name)
        assert preset.name == name
        assert preset.description.endswith(".")
        assert set(preset.models(known)) <= set(known)


def test_a_focus_trains_what_its_name_says_first():
    known = tuple(plugins.models())
    assert load_preset("vision_focus").models(known) == ("multimodal_service", "vision_service")
    assert load_preset("vision_focus").priority == {"vision_service": 10}
    assert load_preset("audio_focus").models(known) == ("audio_service", "multimodal_service")
    assert load_preset("causal_reasoning_training").models(known) == ("causal_reasoning_engine",)


def test_what_does_not_change_what_is_learned_does_not_make_another_model():
    preset = load_preset("quick_start")
    assert preset.model_copy(update={"name": "mine", "priority": {"math_model": 3}, "disk_floor_gib": 9.0}).learning() == preset.learning()
    assert preset.model_copy(update={"seed": 8}).learning() != preset.learning()


def test_collaborative_training_is_what_the_plan_says():
    preset = load_preset("collaborative_training")
    assert (preset.epochs, preset.batch_size, preset.checkpoint_interval, preset.target_models, preset.datasets) == (50, 16, 5, "all", "all")
    assert preset.rounds == 10


def test_the_last_round_is_shorter_when_epochs_do_not_divide(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: 7\ncheckpoint_interval: 3\ntarget_models: [logic_model, math_model]\n")
    preset = load_preset(path)
    assert preset.name == "mine"
    assert [preset.epochs_of(index) for index in range(1, preset.rounds + 1)] == [3, 3, 1]
    assert preset.models(["math_model", "logic_model", "vision_service"]) == ("logic_model", "math_model")


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("epochs: 0\n", "epochs", "greater than or equal to 1"),
        ("epoch: 5\n", "epoch", "Fields of a preset: ablation_seeds, batch_size"),
        ("device: tpu\n", "device", "auto"),
        ("needs:\n  math_model:\n    memory_gib: -1\n", "needs.math_model.memory_gib", "greater than 0"),
        ("epochs: 2\ncheckpoint_interval: 5\n", "(all)", "longer than epochs"),
        ("epoch_steps:\n  math_model: [5, 2]\n", "(all)", "fewest <= most"),
        ("- 1\n", "(all)", "not a mapping"),
        ("epochs: [\n", "(file)", "Give a readable YAML file"),
    ],
)
def test_a_bad_preset_is_refused_with_file_field_and_fix(tmp_path, text, field, words):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InvalidSetting) as caught:
        load_preset(path)
    assert caught.value.field == field
    assert caught.value.source == str(path)
    assert words in str(caught.value)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InvalidSetting, match=r"Known: ablation, audio_focus, .*quick_start"):
        load_preset("nightly")


def test_a_model_that_is_not_registered_is_refused():
    with pytest.raises(InvalidSetting, match="no such model"):
        load_preset("quick_start").model_copy(update={"target_models": ("vision",)}).models(["vision_service"])


def test_needs_of_a_preset_replace_only_the_fields_given(tmp_path):
    path = tmp_path / "needs.yaml"
    path.write_text("needs:\n  vision_service:\n    max_cores: 4\n")
    override = load_preset(path).needs["vision_service"]
    assert override.applied(Needs(memory_gib=3.0)) == Needs(min_cores=1, max_cores=4, memory_gib=3.0, gpu_memory_gib=2.0)
