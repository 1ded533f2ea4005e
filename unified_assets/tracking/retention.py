"""What is registered and what runs left in; which of it may go, and how many bytes that frees, out."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from unified_assets.core.contracts import EncoderKind
from unified_assets.store import encoder_hub, encoders
from unified_assets.store.local import Store
from unified_assets.tracking import journal
from unified_assets.tracking.champion import best_ever
from unified_assets.tracking.experiment import Tracker


@dataclass(frozen=True, kw_only=True)
class Removal:
    """Something that goes: folders, and a version of a model, a pretrained encoder or a run in Dagster's history where it is one."""

    what: str
    folders: tuple[Path, ...]
    size_bytes: int
    model: str | None = None
    version: int | None = None
    encoder: str | None = None
    run_id: str | None = None


def kept_versions(mirror: Mapping[str, Any], keep: int) -> dict[int, str]:
    """Version → why it stays: the newest `keep`, the champion, the one a rollback would bring back, and the best ever in a task."""
    versions = sorted((entry["version"] for entry in mirror.get("versions", [])), reverse=True)
    kept = dict.fromkeys(versions[:keep], "among the newest")
    kept |= {version: f"best ever in {task}" for task, version in best_ever(mirror).items()}
    former = [version for version in mirror.get("champions", [])[:-1] if version in versions]
    if former:
        kept[former[-1]] = "what a rollback brings back"
    if mirror.get("champion") in versions:
        kept[mirror["champion"]] = "champion"
    return kept


def removable(tracker: Tracker, *, keep: int) -> list[Removal]:
    """What pruning would remove: versions beyond those kept, then checkpoints and exchanged knowledge of runs that are over, then encoders of neither."""
    state = tracker.state
    found = [removal for model, mirror in journal.registered(state).items() for removal in _versions(tracker, model, mirror, keep)]
    gone = {folder for removal in found for folder in removal.folders}
    return [*found, *_of_runs(state, keep, gone), *_encoders(state, keep, {(removal.model, removal.version) for removal in found})]


def remove(tracker: Tracker, removals: list[Removal], log: Callable[[str], None], *, keep: int) -> list[Removal]:
    """Remove what `removable` found for the same `keep`; a version leaves the registry before its files go. Returns those that went."""
    gone = []
    for removal in removals:
        if removal.encoder is not None and removal.encoder not in {one.encoder for one in _encoders(tracker.state, keep, set())}:
            log(f"kept: {removal.what} is needed by what stayed")
            continue
        if removal.model is not None:
            with Store(tracker.state).lock(f"mirror-{removal.model}"):
                mirror = journal.read_mirror(tracker.state, removal.model)
                if mirror.get("champion") == removal.version:
                    log(f"kept: {removal.what} became champion meanwhile")
                    continue
                left = [entry for entry in mirror["versions"] if entry["version"] != removal.version]
                history = [version for version in mirror.get("champions", []) if version != removal.version]
                journal.write_json(journal.mirror_path(tracker.state, removal.model), {**mirror, "versions": left, "champions": history})
            _unregister(tracker, removal.model, int(removal.version or 0))
        for folder in removal.folders:
            shutil.rmtree(folder, ignore_errors=True)
        gone.append(removal)
    return gone


def _versions(tracker: Tracker, model: str, mirror: Mapping[str, Any], keep: int) -> Iterator[Removal]:
    kept = kept_versions(mirror, keep)
    needed = {Path(entry["folder"]).resolve() for entry in mirror["versions"] if entry["version"] in kept}
    home = tracker.state.resolve()
    for entry in mirror["versions"]:
        if entry["version"] in kept:
            continue
        found = {folder.resolve() for folder in (Path(entry["folder"]), *_artifacts(tracker, model, entry["version"])) if folder.is_dir()}
        mine = tuple(sorted(folder for folder in found - needed if folder.is_relative_to(home)))
        yield Removal(what=f"{model} version {entry['version']}", folders=mine, size_bytes=sum(map(size_of, mine)), model=model, version=entry["version"])


def _stays(place: int, record: Mapping[str, Any], keep: int) -> bool:
    """Whether a run, the `place`th of the newest, lives or can be resumed."""
    return record.get("status") == "STARTED" or (record.get("status") != "SUCCESS" and place < keep)


def _of_runs(state: Path, keep: int, gone: set[Path]) -> Iterator[Removal]:
    """Checkpoints, what models shared and trainings beside, of runs beyond the newest `keep`, and of those that ended well; a living run is left alone."""
    for place, record in enumerate(journal.runs(state)):
        run_dir = journal.run_folder(state, str(record["run_id"]))
        if _stays(place, record, keep):
            continue
        folders = [*sorted(run_dir.glob("models/*/checkpoints")), run_dir / "knowledge", run_dir / "word_vectors", run_dir / "ablation", run_dir / "trials"]
        there = tuple(folder for folder in folders if folder.is_dir() and folder not in gone)
        if there:
            yield Removal(what=f"checkpoints of run {record['run_id']}", folders=there, size_bytes=sum(map(size_of, there)))


def _encoders(state: Path, keep: int, going: set[tuple[str | None, int | None]]) -> Iterator[Removal]:
    """Pretrained encoders that no version but those that go, and no run that stays, was trained beside; none where one of them cannot tell."""
    kept = sorted(path for path in (state / "encoders").glob("[0-9a-f]*") if path.is_dir())
    if not kept:
        return
    told = [
        _encoders_of_version(Path(entry["folder"]))
        for model, mirror in journal.registered(state).items()
        for entry in mirror.get("versions", [])
        if (model, entry["version"]) not in going
    ]
    runs = [journal.run_folder(state, str(record["run_id"])) for place, record in enumerate(journal.runs(state)) if _stays(place, record, keep)]
    told += [_encoders_of_run(state, run_dir) for run_dir in runs]
    if None in told:
        return
    needed = {digest for digests in told for digest in digests or ()}
    for folder in kept:
        if folder.name not in needed:
            yield Removal(what=f"encoder {folder.name}", folders=(folder,), size_bytes=size_of(folder), encoder=folder.name)


def _encoders_of_version(folder: Path) -> frozenset[str] | None:
    """Digests of the encoders that a version needs; None where that cannot be read."""
    settings = [encoders.setting_of(kind) for kind in get_args(EncoderKind)]
    try:
        described = journal.read_json(folder / "model.json")
        return frozenset(str(described[name]["digest"]) for name in settings if name in described) if described else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _encoders_of_run(state: Path, run_dir: Path) -> frozenset[str] | None:
    """Digests of the encoders that the preset of a run names; None where there is no plan yet, or what it names is not there any more."""
    try:
        preset = journal.read_json(run_dir / "plan.json").get("preset")
    except (OSError, ValueError):
        return None
    if not isinstance(preset, dict):
        return None
    named = [(kind, preset[name]) for kind in get_args(EncoderKind) if preset.get(name := encoders.setting_of(kind))]
    found = [encoder_hub.kept(kind, str(source), state) for kind, source in named]
    return None if None in found else frozenset(digest for digest in found if digest is not None)


def _artifacts(tracker: Tracker, model: str, version: int) -> list[Path]:
    """The local folder of a version's logged model; none where the artifacts are on a server of somebody else."""
    import mlflow

    client = tracker.client
    try:
        source = str(client.get_model_version(model, str(version)).source)
        location = client.get_logged_model(source.removeprefix("models:/")).artifact_location if source.startswith("models:/") else source
    except mlflow.exceptions.MlflowException:
        return []
    folder = Path(str(location).removeprefix("file://"))
    return [folder.parent if folder.name == "artifacts" else folder] if folder.is_absolute() else []


def _unregister(tracker: Tracker, model: str, version: int) -> None:
    import mlflow

    try:
        tracker.client.delete_model_version(model, str(version))
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def size_of(place: Path) -> int:
    """Bytes that go with a folder or file. A file under two names counts once; one with a name elsewhere too frees nothing."""
    names: dict[int, list[os.stat_result]] = {}
    for path in (place, *place.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found = path.lstat()
            names.setdefault(found.st_ino, []).append(found)
    return sum(found[0].st_size for found in names.values() if found[0].st_nlink <= len(found))
