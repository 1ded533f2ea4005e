"""Where a person looks at an MLflow run: on the server that `unified-assets ui` started for this state, or will start."""

from pathlib import Path

from unified_assets.core.credentials import without_credentials
from unified_assets.tracking import journal

DEFAULT = "http://127.0.0.1:5000"


def record_path(state: Path) -> Path:
    """Where `ui` notes the addresses of the servers it started: `dagster` and `mlflow`, and its own process."""
    return state / "ui.json"


def mlflow_address(uri: str, state: Path) -> str:
    """The address of MLflow's pages: a server named by the settings, the one `ui` started last, else the one it starts by default."""
    if uri.startswith(("http://", "https://")):
        return without_credentials(uri).rstrip("/")
    return str(journal.read_json(record_path(state)).get("mlflow") or DEFAULT)


def run_url(uri: str, state: Path, *, experiment: str, run_id: str) -> str:
    """The page of a run."""
    return f"{mlflow_address(uri, state)}/#/experiments/{experiment}/runs/{run_id}"
