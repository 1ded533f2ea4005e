"""A model's name and version → the folder inference loads."""

from pathlib import Path

from unified_assets.core.errors import InvalidSetting
from unified_assets.tracking import journal


def version_folder(state: Path, model: str, version: int | None = None) -> Path:
    """The files of a registered version, by default the champion. Raises InvalidSetting for what is not registered."""
    mirror = journal.read_mirror(state, model)
    wanted = mirror.get("champion") if version is None else version
    found = next((Path(entry["folder"]) for entry in mirror.get("versions", []) if entry["version"] == wanted), None)
    if found is None or not found.is_dir():
        known = ", ".join(f"{name} ({', '.join(str(entry['version']) for entry in one['versions'])})" for name, one in journal.registered(state).items())
        value = model if version is None else f"{model} version {version}"
        raise InvalidSetting(source="registry", field="model", value=value, problem="not registered", fix=f"Registered: {known or 'nothing yet; train first'}.")
    return found
