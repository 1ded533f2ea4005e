"""Which folders a run works on: the user's own files, or a sample lake while there are none. Imports no Dagster."""

from collections.abc import Callable
from pathlib import Path

from unified_assets.core.errors import DataError, StateBelongsElsewhere
from unified_assets.core.settings import Settings
from unified_assets.store.local import LAYOUT, StateIsNewer
from unified_assets.tracking import journal


class NothingInRaw(DataError):
    """The raw folder holds no file."""

    def __init__(self, *, raw: Path) -> None:
        self.raw = raw
        super().__init__(f"{raw} holds no files. Put some there, name another folder with `--raw`, or try a sample lake with `unified-assets run`.")


class RawNotReadable(DataError):
    """The raw folder is not there, is no folder, or cannot be listed."""

    def __init__(self, *, raw: Path, problem: str) -> None:
        self.raw, self.problem = raw, problem
        super().__init__(f"raw folder {raw}: {problem}. Name the folder that holds your files with `--raw` or UNIFIED_ASSETS_RAW, or mend its permissions.")


def refuse_newer(state: Path) -> None:
    """Raise StateIsNewer for a state folder laid out by a later version of this program."""
    found = journal.read_json(state / "lake.json").get("layout", LAYOUT)
    if not isinstance(found, int) or found > LAYOUT:
        raise StateIsNewer(state=state, found=found)


def has_files(folder: Path) -> bool:
    """Whether there is any file besides hidden ones, at any depth. Raises RawNotReadable for a root that cannot be listed."""
    if not folder.exists():
        return False
    try:
        return _any_file(folder)
    except OSError as error:
        raise RawNotReadable(raw=folder, problem=(error.strerror or str(error)).lower()) from error


def _any_file(folder: Path) -> bool:
    for entry in folder.iterdir():
        if not entry.name.startswith(".") and (entry.is_file() or (entry.is_dir() and not entry.is_symlink() and _holds_any(entry))):
            return True
    return False


def _holds_any(folder: Path) -> bool:
    try:
        return _any_file(folder)
    except OSError:  # a folder inside that is closed to us counts for nothing; the catalog says so
        return False


def sample_folder(settings: Settings) -> Path:
    """Where the sample lake of these settings stands: beside the raw folder."""
    return settings.raw.absolute().parent / "sample"


def choose_lake(settings: Settings, *, or_sample: bool, say: Callable[[str], None]) -> Settings:
    """The settings to run with.

    Raises NothingInRaw for an empty raw folder, unless a sample is welcome, RawNotReadable for none at all, StateBelongsElsewhere for
    a state that was made from other files.
    The first run with files of the user's own sets the sample's state aside as `<state>.sample`.
    """
    settings = settings.absolute()
    sample, fetched = sample_folder(settings), settings.raw_url is not None  # by the scan
    if not fetched and not settings.raw.exists() and settings.raw != Settings.model_fields["raw"].default.absolute():
        raise RawNotReadable(raw=settings.raw, problem="there is no such folder")
    if fetched or has_files(settings.raw):
        if settings.raw != sample and recorded_raw(settings.state) == sample:
            aside = _free_name(settings.state)
            settings.state.rename(aside)
            say(f"{settings.raw_url or settings.raw} holds files of your own now: the state of the sample lake is kept as {aside}")
        recorded = recorded_raw(settings.state)
        if recorded not in {None, settings.raw}:
            raise StateBelongsElsewhere(state=settings.state, recorded=recorded, given=settings.raw)
        return settings
    if not or_sample:
        raise NothingInRaw(raw=settings.raw)
    if not has_files(sample):
        from unified_assets.sample import write

        say(f"{settings.raw} is empty: writing a sample lake to {sample}, its truth beside it in {sample}.truth")
        write(sample)
    else:
        say(f"{settings.raw} is empty: using the sample lake in {sample}")
    return settings.model_copy(update={"raw": sample})


def recorded_raw(state: Path) -> Path | None:
    """The raw root a state folder belongs to."""
    found = journal.read_json(state / "lake.json").get("raw")
    return None if found is None else Path(found)


def of_state(settings: Settings) -> Settings:
    """The settings with the raw root that the state remembers, where it does and the default root is still empty."""
    settings = settings.absolute()
    recorded = recorded_raw(settings.state)
    if recorded == sample_folder(settings) and not has_files(settings.raw):
        return settings.model_copy(update={"raw": recorded})
    return settings


def _free_name(state: Path) -> Path:
    first = state.with_name(f"{state.name}.sample")
    candidates = (first, *(state.with_name(f"{first.name}.{number}") for number in range(2, 1000)))
    return next(path for path in candidates if not path.exists())
