"""A training run's parameters and figures in; MLflow runs out: one parent a training run, one child a model.

Seven processes write to one SQLite database, where a single metric costs 0.1 s: everything goes in batches, and the database
and its tables are made by the first one under a lock.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from unified_assets.core.credentials import without_credentials
from unified_assets.store.local import Store
from unified_assets.tracking import journal
from unified_assets.tracking.links import run_url
from unified_assets.tracking.patience import fail_soon

EXPERIMENT = "unified_assets"
_LONGEST_PARAMETER = 500
_LARGEST_BATCH = 1000  # metrics in one request; MLflow refuses more


class ModelRun:
    """The MLflow run of one model in one training run."""

    def __init__(self, client: Any, run_id: str, page: str) -> None:
        self.client, self.run_id, self.page = client, run_id, page
        self._kept: list[Any] = []

    def metrics(self, values: Mapping[str, float | None], step: int) -> None:
        """Write metrics in one batch. What was not measured (None) or is not finite is left out.

        What the server does not take stays here and goes with the next batch, with the time at which it was measured. Raises what MLflow raises.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._kept += [
            Metric(_metric_name(name), float(value), now, step) for name, value in values.items() if value is not None and abs(float(value)) < float("inf")
        ]
        while self._kept:
            batch = self._kept[:_LARGEST_BATCH]
            self.client.log_batch(self.run_id, metrics=batch)
            del self._kept[: len(batch)]

    def tags(self, values: Mapping[str, object]) -> None:
        """Write tags in one batch."""
        from mlflow.entities import RunTag

        self.client.log_batch(self.run_id, tags=[RunTag(name, str(value)) for name, value in values.items()])


class Tracker:
    """The lake's experiment on a tracking server."""

    def __init__(self, *, uri: str, state: Path) -> None:
        self.uri, self.state = uri, state

    @property
    def client(self) -> Any:
        """A client of the server. The first one in a lake makes the database and the experiment."""
        import mlflow

        quiet_mlflow()
        fail_soon()
        if self.uri.startswith("sqlite:///"):
            Path(self.uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        return mlflow.MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def experiment(self) -> str:
        """The id of the lake's experiment, made on first use."""
        with Store(self.state).lock("mlflow"):
            client = self.client
            found = client.get_experiment_by_name(EXPERIMENT)
            return str(found.experiment_id if found is not None else client.create_experiment(EXPERIMENT, artifact_location=self._artifacts()))

    def parent(self, run_dir: Path, *, name: str, parameters: Mapping[str, object]) -> str:
        """The parent run of a training run; its id stands in `<run>/mlflow.json`, so that all steps share it."""
        experiment = self.experiment()
        with Store(self.state).lock("mlflow"):
            known = journal.read_json(run_dir / "mlflow.json")
            if "parent" not in known:
                run = self.client.create_run(experiment, run_name=name, tags={"unified_assets.run_id": run_dir.name})
                self._parameters(run.info.run_id, parameters)
                known |= {"uri": without_credentials(self.uri), "experiment": experiment, "parent": run.info.run_id, "children": {}}
                journal.write_json(run_dir / "mlflow.json", known)
        return str(known["parent"])

    def child(self, run_dir: Path, model: str, *, parent: str, parameters: Mapping[str, object]) -> ModelRun:
        """The run of one model; a step that runs again goes on in the same one."""
        client = self.client
        with Store(self.state).lock("mlflow"):
            known = journal.read_json(run_dir / "mlflow.json")
            run_id = known["children"].get(model)
            if run_id is None:
                tags = {"mlflow.parentRunId": parent, "unified_assets.model": model, "unified_assets.run_id": run_dir.name}
                run_id = client.create_run(known["experiment"], run_name=model, tags=tags).info.run_id
                self._parameters(run_id, parameters)
                known["children"][model] = run_id
                journal.write_json(run_dir / "mlflow.json", known)
            else:
                client.update_run(run_id, status="RUNNING")
        return ModelRun(client, run_id, run_url(self.uri, self.state, experiment=known["experiment"], run_id=run_id))

    @contextmanager
    def running(self, run: ModelRun) -> Iterator[ModelRun]:
        """End the run as FINISHED, or as FAILED when the block raises; one that yields its step stays open."""
        from mlflow.exceptions import MlflowException

        from unified_assets.core.errors import YieldStep

        try:
            yield run
        except YieldStep:
            raise
        except BaseException:
            with suppress(MlflowException, OSError, sqlite3.Error):  # that the server is away too must not hide what went wrong
                run.client.set_terminated(run.run_id, status="FAILED")
            raise
        run.client.set_terminated(run.run_id, status="FINISHED")

    def finish(self, run_dir: Path, *, failed: bool) -> None:
        """End the parent run, with the report as its artifact. Does nothing for a run that trained nothing."""
        known = journal.read_json(run_dir / "mlflow.json")
        if "parent" not in known:
            return
        client = self.client
        if (run_dir / "report.html").is_file():
            client.log_artifact(known["parent"], str(run_dir / "report.html"))
        client.set_terminated(known["parent"], status="FAILED" if failed else "FINISHED")

    def _parameters(self, run_id: str, values: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        self.client.log_batch(run_id, params=[Param(name, str(value)[:_LONGEST_PARAMETER]) for name, value in values.items()])

    def _artifacts(self) -> str | None:
        return (self.state / "mlflow" / "artifacts").absolute().as_uri() if self.uri.startswith("sqlite:///") else None


def quiet_mlflow() -> None:
    """Keep MLflow's progress bars, migration lines and addresses, which may hold a password, out of the steps' logs."""
    import logging
    import os

    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

    for name in ("mlflow.store.db.utils", "mlflow.store.model_registry", "alembic", "alembic.runtime.migration", "mlflow.utils.requirements_utils"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _metric_name(name: str) -> str:
    """MLflow allows letters, digits and `_-./: ` in names."""
    return "".join(character if character.isascii() and (character.isalnum() or character in "_-./ ") else "_" for character in name)[:250]
