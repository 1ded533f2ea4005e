"""Typed settings; the only reader of the environment."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from unified_assets.core.errors import InvalidSetting


class NodeKind(BaseModel):
    """What one node of a cluster has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: int = Field(default=1, ge=0)
    memory_gib: float = Field(default=1.0, ge=0)
    gpus: int = Field(default=0, ge=0)

    def holds(self, wanted: "NodeKind") -> bool:
        """Whether such a node, empty, has all of this at once."""
        return wanted.cores <= self.cores and wanted.memory_gib <= self.memory_gib and wanted.gpus <= self.gpus


class Settings(BaseSettings):
    """Where things are. Every field is also an environment variable `UNIFIED_ASSETS_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="UNIFIED_ASSETS_", frozen=True, extra="ignore")

    raw: Path = Field(default=Path("data/raw"), description="Root of the raw files. Never written to, unless `raw_url` fills it.")
    raw_url: str | None = Field(default=None, description="Bucket or prefix (`s3://…`, `gs://…`, `az://…`) whose objects are copied into `raw` before a scan.")
    state: Path = Field(default=Path("data/state"), description="Everything that is generated from the raw files.")
    state_url: str | None = Field(default=None, description="Bucket or prefix that snapshots of `state` go to, while and after models train.")
    config: Path | None = Field(default=None, description="A `unified.yaml` outside the raw root; default `<raw>/unified.yaml` where it exists.")
    workers: int | None = Field(default=None, ge=1, description="Worker processes of the data stages; default: the cores this process may use.")
    file_timeout_s: float = Field(default=30.0, gt=0, description="Seconds one file may take to probe or decode before it is given up.")
    file_memory_mib: int = Field(default=2048, ge=256, description="Address space one decoding worker may add, in MiB.")
    disk_floor_gib: float = Field(default=1.0, ge=0, description="Below this free space no lease is granted until space is back, in GiB.")
    preset: str = Field(default="quick_start", description="Preset of runs that name none: those of sensors, of the schedule and of `Materialize all`.")
    auto: bool = Field(default=False, description="Whether the sensors and the schedule that refresh and retrain start switched on.")
    settle_s: float = Field(default=20.0, ge=0, description="The raw folder must not have changed for this long before it is read, in seconds.")
    retrain_examples: int = Field(default=50, ge=1, description="Labelled examples more or fewer that make a stale model worth training,")
    retrain_share: float = Field(default=0.1, gt=0, description="or this share of its labelled examples,")
    retrain_age_h: float = Field(default=24.0, ge=0, description="or having been stale for this long, in hours;")
    cool_down_min: float = Field(default=60.0, ge=0, description="but no training sooner than this after the last one began, in minutes.")
    pretrained_text: Path | None = Field(default=None, description="Folder of a text encoder for versions trained beside one that the state folder lacks.")
    pretrained_image: Path | None = Field(default=None, description="Folder of an image encoder for versions trained beside one that the state folder lacks.")
    ray_address: str | None = Field(default=None, description="Ray cluster (`host:port`) whose nodes decode and train; default: this machine alone.")
    ray_files: Literal["shared", "bucket"] = Field(
        default="shared",
        description="How nodes see the state: on a file system that all share, or by way of the bucket of `state_url` (training only; this machine decodes).",
    )
    ray_cache: Path | None = Field(
        default=None, description="On a node that shares no files: folder for those of the models it computes; default `~/.cache/unified-assets/nodes`."
    )
    ray_node_kinds: tuple[NodeKind, ...] = Field(default=(), description="Kinds of node an autoscaler may add, as JSON: a need that only they meet waits.")
    serve_root: Path | None = Field(default=None, description="Folder below which a served model reads files that requests name; default: it reads none.")
    mlflow_tracking_uri: str | None = Field(default=None, description="MLflow tracking server; default SQLite under `<state>/mlflow`.")

    def absolute(self) -> "Settings":
        """The same settings with `raw`, `state` and `config` as absolute paths."""
        return self.model_copy(
            update={
                "raw": self.raw.absolute(),
                "state": self.state.absolute(),
                "config": None if self.config is None else self.config.absolute(),
            }
        )

    @property
    def carried_by(self) -> str | None:
        """The bucket by which files reach the nodes of a cluster; None where they see them. Raises InvalidSetting where none is named."""
        if self.ray_address is None or self.ray_files == "shared":
            return None
        if self.state_url is None:
            problem, fix = "no bucket is named", "Set UNIFIED_ASSETS_STATE_URL (s3://bucket/prefix), or share a file system."
            raise InvalidSetting(source="settings", field="ray_files", value=self.ray_files, problem=problem, fix=fix)
        return self.state_url

    @property
    def tracking_uri(self) -> str:
        """The MLflow tracking URI in force."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.state.absolute() / 'mlflow' / 'mlflow.db'}"

    @property
    def dagster_home(self) -> Path:
        """Folder of the embedded Dagster instance."""
        return self.state.absolute() / "dagster"

    @property
    def home_of_instance(self) -> Path:
        """The same, unless DAGSTER_HOME names another."""
        return Path(os.environ.get("DAGSTER_HOME") or self.dagster_home).absolute()
