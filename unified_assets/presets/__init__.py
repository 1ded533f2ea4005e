"""Training presets: one YAML file each. A name or a path in, a `Preset` out."""

from importlib.resources import files
from pathlib import Path

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.presets import Preset, parse_preset


def preset_names() -> tuple[str, ...]:
    """Names of the presets that come with the package, sorted."""
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in files(__package__).iterdir() if entry.name.endswith(".yaml")))


def load_preset(name_or_path: str | Path) -> Preset:
    """A preset by its name, or from a YAML file of the user's. Raises InvalidSetting with the file, the field and the fix."""
    import yaml

    given = str(name_or_path)
    is_path = given.endswith((".yaml", ".yml", ".json")) or "/" in given
    if not is_path and given not in preset_names():
        raise InvalidSetting(
            source="preset",
            field="preset",
            value=given,
            problem="no preset of that name",
            fix=f"Known: {', '.join(preset_names())}; or give a path to a YAML file.",
        )
    try:
        text = Path(given).read_text(encoding="utf-8") if is_path else files(__package__).joinpath(f"{given}.yaml").read_text(encoding="utf-8")
        values = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise InvalidSetting(source=given, field="(file)", value=given, problem=problem, fix="Give a readable YAML file of preset fields.") from error
    if isinstance(values, dict):
        values = {"name": Path(given).stem, **values}
    return parse_preset(values, source=given)
