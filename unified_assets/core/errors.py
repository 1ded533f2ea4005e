"""Every error raised on purpose, as one tree.

UnifiedAssetsError
├── UsageError                  the caller asked for something that does not exist (exit code 2)
│   ├── InvalidSetting          a setting, preset or `unified.yaml` field has a bad value
│   ├── InvalidPlugin           a plug-in file breaks its contract
│   └── StateBelongsElsewhere   the state folder was made for another raw root
├── DataError                   the files do not allow what was asked
│   ├── UnreadableFile          one file; becomes a row, never stops a batch
│   ├── NothingToTrain          no example for a model
│   └── StaleSchema             a table on disk was written by another version
├── ResourceError
│   ├── InsufficientResources   the machine can never grant this
│   └── DeviceNotAvailable      `cuda` where there is none
└── TrainingError
    ├── Diverged                the loss stays not finite after every retry
    ├── CorruptCheckpoint       a checkpoint or slot cannot be read
    └── ModelsFailed            some models of a run failed; the others finished
YieldStep                       control flow, not an error: give this step's slot to others and come back
"""

from pathlib import Path
from typing import Any

from unified_assets.core.credentials import without_credentials


class UnifiedAssetsError(Exception):
    """Base of every error raised on purpose. `exit_code` is what the command line returns; its words tell no password of an address."""

    exit_code = 1

    def __init__(self, *words: object) -> None:
        super().__init__(*(without_credentials(one) if isinstance(one, str) else one for one in words))

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors are built from named parts; another process gets the same parts and words without building it anew."""
        return _rebuilt, (type(self), self.args, vars(self))


def _rebuilt(kind: type[UnifiedAssetsError], words: tuple[Any, ...], parts: dict[str, Any]) -> UnifiedAssetsError:
    error = kind.__new__(kind, *words)
    error.args = words
    vars(error).update(parts)
    return error


class UsageError(UnifiedAssetsError):
    """The caller asked for something that does not exist or is not allowed."""

    exit_code = 2


class InvalidSetting(UsageError):
    """A setting has a value that cannot be used."""

    def __init__(self, *, source: str, field: str, value: object, problem: str, fix: str) -> None:
        self.source, self.field, self.value, self.problem, self.fix = source, field, value, problem, fix
        super().__init__(f"{source}: `{field}` is {value!r}: {problem}. {fix}")


class InvalidPlugin(UsageError):
    """A plug-in breaks the contract of its kind."""

    def __init__(self, *, plugin: str, problem: str, fix: str) -> None:
        self.plugin, self.problem, self.fix = plugin, problem, fix
        super().__init__(f"plug-in {plugin}: {problem}. {fix}")


class StateBelongsElsewhere(UsageError):
    """A state folder is tied to one raw root; another one was given."""

    def __init__(self, *, state: Path, recorded: Path, given: Path) -> None:
        self.state, self.recorded, self.given = state, recorded, given
        super().__init__(
            f"{state} holds the state of {recorded}, not of {given}. Give each raw folder a state of its own: `--state <folder>` or UNIFIED_ASSETS_STATE."
        )


class DataError(UnifiedAssetsError):
    """The files do not allow what was asked."""


class UnreadableFile(DataError):
    """One file could not be read or decoded; `reason` is the short name a catalog row carries."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class NothingToTrain(DataError):
    """A model has no labelled example."""

    def __init__(self, *, model: str, why: str) -> None:
        self.model, self.why = model, why
        super().__init__(f"{model} has nothing to learn from: {why}. Add labelled files, or leave it out of `target_models`.")


class StaleSchema(DataError):
    """A table on disk was written with another schema version."""

    def __init__(self, *, table: str, found: int, expected: int) -> None:
        self.table, self.found, self.expected = table, found, expected
        fix = "Rebuild it with `unified-assets refresh`." if found < expected else "A newer unified-assets wrote it: update, or give another `--state`."
        super().__init__(f"table {table} has schema version {found}, this program writes {expected}. {fix}")


class ResourceError(UnifiedAssetsError):
    """Something about cores, memory, GPUs or disk."""


class InsufficientResources(ResourceError):
    """The machine can never grant this: refused at once."""

    def __init__(self, *, model: str, resource: str, needed: float, available: float, unit: str, fix: str) -> None:
        self.model, self.resource, self.needed, self.available, self.unit = model, resource, needed, available, unit
        super().__init__(f"{model} needs {needed:g} {unit} of {resource}, but at most {available:g} {unit} can be had here. {fix}")


class DeviceNotAvailable(ResourceError):
    """A device was asked for by name and is not there."""

    def __init__(self, *, model: str, device: str, found: str) -> None:
        self.model, self.device, self.found = model, device, found
        super().__init__(f"{model} asks for device {device!r}, but {found}. Set `device: auto` or `device: cpu` in the preset.")


class TrainingError(UnifiedAssetsError):
    """A model could not be trained."""


class Diverged(TrainingError):
    """The loss is not finite after every retry with a lower learning rate."""

    def __init__(self, *, model: str, round_index: int, retries: int) -> None:
        self.model, self.round_index, self.retries = model, round_index, retries
        super().__init__(
            f"{model} diverged in round {round_index} and again in {retries} retries at half the learning rate each. Lower `learning_rate` for it."
        )


class CorruptCheckpoint(TrainingError):
    """A checkpoint or knowledge slot cannot be read back."""

    def __init__(self, *, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"checkpoint {path}: {problem}. Delete that folder; training goes on from the round before.")


class ModelsFailed(TrainingError):
    """Some models failed; the others trained and were registered."""

    def __init__(self, *, failed: dict[str, str]) -> None:
        self.failed = failed
        super().__init__("failed: " + "; ".join(f"{model} ({why})" for model, why in sorted(failed.items())))


class YieldStep(Exception):
    """A training step waits for peers that have no slot to start in; the orchestrator runs it again later."""
