"""A run's preset, its tags and the resource `training` in; the preset in force, checked, out."""

from collections.abc import Mapping
from typing import Any

from unified_assets.core import plugins
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.presets import Preset, parse_preset
from unified_assets.defs.resources import LakeResource, TrainingResource

PRESET_TAG = "unified_assets/preset"
CHANGE_TAG = "unified_assets/set/"  # followed by the name of a preset's field; the value is YAML


def chosen_preset(lake: LakeResource, training: TrainingResource, tags: Mapping[str, str]) -> Preset:
    """The preset that the run's tag names (or the resource `lake`), with what `training` and the run's tags change, in this order.

    Tags reach a run from where no configuration can be typed in: the dialog of a materialization, a sensor, a schedule.
    Raises InvalidSetting with the field and the fix.
    """
    preset = lake.preset_named(tags.get(PRESET_TAG))
    for source, changes in (("resource training", training.changes()), ("run tags", _of_tags(tags))):
        preset = changed(preset, changes, source=source)
    preset.models(tuple(plugins.models()))
    return preset


def changed(preset: Preset, changes: Mapping[str, Any], *, source: str) -> Preset:
    """A preset with some fields replaced, checked like a preset file. `rounds` shares the epochs out anew."""
    if not changes:
        return preset
    values = {**preset.model_dump(mode="json"), **{name: value for name, value in changes.items() if name != "rounds"}}
    if "rounds" in changes:
        values["checkpoint_interval"] = -(-int(values["epochs"]) // _positive(changes["rounds"], source))
    elif "epochs" in changes and "checkpoint_interval" not in changes and isinstance(values["epochs"], int) and values["epochs"] > 0:
        values["checkpoint_interval"] = min(int(values["checkpoint_interval"]), values["epochs"])
    return parse_preset(values, source=source)


def _positive(rounds: object, source: str) -> int:
    if isinstance(rounds, int) and not isinstance(rounds, bool) and rounds >= 1:
        return rounds
    raise InvalidSetting(source=source, field="rounds", value=rounds, problem="not a whole number of 1 or more", fix="Give the number of rounds, such as 4.")


def _of_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    import yaml

    found = {}
    for tag, text in tags.items():
        if tag.startswith(CHANGE_TAG):
            name = tag.removeprefix(CHANGE_TAG)
            try:
                found[name] = yaml.safe_load(text)
            except yaml.YAMLError as error:
                problem = " ".join(str(error).split())
                raise InvalidSetting(
                    source="run tags", field=name, value=text, problem=problem, fix=f"Write the value as in a preset file, such as {tag}: 5."
                ) from error
    return found
