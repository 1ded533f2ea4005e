"""What ops are given: the lake, the machine's resources, the tracking server. Typed, and visible in the UI."""

from enum import Enum
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from unified_assets.core.credentials import without_credentials
from unified_assets.core.presets import Preset
from unified_assets.core.settings import Settings
from unified_assets.store.local import Store


class Device(Enum):
    """Where models train."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class LakeResource(dg.ConfigurableResource[Any]):
    """Where the raw files and everything made of them are."""

    raw: str = Field(description="Root of the raw files; never written to.")
    state: str = Field(description="Everything that is generated from them.")
    preset: str = Field(
        default="quick_start", description="Preset of runs that name none, such as those of `Materialize all`: a name, or a path to a YAML file."
    )

    def settings(self) -> Settings:
        """The settings in force: those of the environment, with this resource's roots."""
        return Settings().model_copy(update={"raw": Path(self.raw), "state": Path(self.state)}).absolute()

    def store(self) -> Store:
        """The state folder."""
        return Store(Path(self.state))

    def preset_named(self, name: str | None) -> Preset:
        """A preset by name or path; without one, this resource's."""
        from unified_assets.presets import load_preset

        return load_preset(self.preset if name is None else name)


class TrainingResource(dg.ConfigurableResource[Any]):
    """What a run changes of its preset. A field left out keeps the preset's value; one that no preset may hold ends the run at its first step."""

    epochs: int | None = Field(default=None, description="Passes over the train side of a model's tasks.")
    batch_size: int | None = Field(default=None, description="Examples of one task in a step.")
    checkpoint_interval: int | None = Field(default=None, description="Epochs in a round: what is leased, checkpointed, exchanged and resumed.")
    rounds: int | None = Field(default=None, description="Rounds to share the epochs out over, in place of checkpoint_interval.")
    target_models: list[str] | None = Field(default=None, description="Names of the models to train; left out: those of the preset.")
    datasets: list[str] | None = Field(default=None, description="Patterns (`*`, `?`) of the names of tasks to learn; left out: those of the preset.")
    minutes: float | None = Field(default=None, description="Training time of a model after which it starts no further round.")
    seed: int | None = Field(default=None, description="Everything random in the run follows from it.")
    device: Device | None = Field(default=None, description="`auto` takes a GPU where one can hold the model.")
    priority: dict[str, int] | None = Field(default=None, description="Model to rank in the queue; higher goes first.")
    exchange: list[str] | None = Field(default=None, description="What models share: teaching, vectors, encoders; an empty list: nothing.")
    refit: bool | None = Field(default=None, description="Whether the best weights go on with the validation rows too, after the last round.")

    def changes(self) -> dict[str, Any]:
        """Field → value, of those given."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value.value if isinstance(value, Device) else value for name, value in given.items() if value is not None}


class ComputeResource(dg.ConfigurableResource[Any]):
    """What this machine can give. Every training op asks it for memory, then for cores or a GPU round by round."""

    state: str = Field(description="State folder: its disk is the one that must not fill up, and its locks order the leases.")

    def inventory(self) -> Any:
        """Cores, memory, GPUs and free disk, as this process may use them; those of all nodes where the settings name a cluster."""
        settings = Settings()
        if settings.ray_address is not None:
            from unified_assets.compute import cluster

            return cluster.inventory(settings.ray_address, Path(self.state), settings.carried_by)
        from unified_assets.compute.inventory import detect

        return detect(Path(self.state))

    def broker(self, inventory: Any, *, disk_floor_gib: float | None = None) -> Any:
        """Who grants leases to the steps of all runs of this lake; nothing is granted below `disk_floor_gib` (default: the setting)."""
        from unified_assets.compute.inventory import VisibleProbe, disk_free_gib
        from unified_assets.compute.leases import LeaseBroker

        state = Path(self.state)
        floor = Settings().disk_floor_gib if disk_floor_gib is None else disk_floor_gib
        return LeaseBroker(state / "locks" / "leases", inventory, gpu_probe=VisibleProbe(), disk_floor_gib=floor, disk_free_gib=lambda: disk_free_gib(state))


class MlflowResource(dg.ConfigurableResource[Any]):
    """The tracking server and registry."""

    tracking_uri: str = Field(description="Default: SQLite under `<state>/mlflow`.")
    state: str = Field(description="State folder; artifacts of the default server stand under `<state>/mlflow`.")

    def tracker(self) -> Any:
        """The lake's experiment; made at once if it is not there."""
        from unified_assets.tracking.experiment import Tracker

        return Tracker(uri=self.tracking_uri, state=Path(self.state))


def _tracking_uri(settings: Settings) -> str:
    """What the UI shows of the address: of one that may hold a password the name of its variable."""
    uri = settings.tracking_uri
    return uri if without_credentials(uri) == uri else dg.EnvVar("UNIFIED_ASSETS_MLFLOW_TRACKING_URI")


def resources(settings: Settings) -> dict[str, dg.ConfigurableResource[Any]]:
    """All resources, by the names ops ask for them."""
    settings = settings.absolute()
    return {
        "lake": LakeResource(raw=str(settings.raw), state=str(settings.state), preset=settings.preset),
        "training": TrainingResource(),
        "compute": ComputeResource(state=str(settings.state)),
        "mlflow": MlflowResource(tracking_uri=_tracking_uri(settings), state=str(settings.state)),
    }
