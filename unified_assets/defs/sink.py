"""What training reports → Dagster's log and observations, and MLflow metrics. One event a round, never one a batch."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import dagster as dg

from unified_assets.compute.monitor import Sample
from unified_assets.core.contracts import EventSink, SilentSink
from unified_assets.core.credentials import without_credentials
from unified_assets.defs.storing import stored
from unified_assets.tracking.experiment import ModelRun
from unified_assets.training.ablation import encoder_effect, summary

WAIT_LOG_S = 15.0
MB = 2**30 / 1e6  # of a GiB

TrialRun = Callable[[int, Mapping[str, object]], AbstractContextManager[ModelRun]]


class StepSink:
    """The event sink of one model's step."""

    def __init__(self, context: dg.AssetExecutionContext, run: ModelRun, *, rounds: int, trial_run: TrialRun, observe: Callable[[], Sample]) -> None:
        self.context, self.run, self.rounds, self.trial_run, self.observe = context, run, rounds, trial_run, observe
        self._waiting, self._told = "", 0.0

    def log(self, message: str) -> None:
        """A line in the step's log."""
        self.context.log.info(message)

    def waiting(self, what: str) -> None:
        """Say at once what is waited for, and again every quarter of a minute."""
        now = time.monotonic()
        if what != self._waiting or now - self._told >= WAIT_LOG_S:
            self._waiting, self._told = what, now
            self.context.log.info("waiting: %s", what)

    def round_done(self, row: Mapping[str, Any], scores: Mapping[str, float | None], eta_s: float | None) -> None:
        """An observation with the figures of the round, and the same in MLflow."""
        index = int(row["round"])
        place = "refit" if row.get("refit") else f"{index}/{self.rounds}"
        facts: dict[str, Any] = {"round": place, "mlflow_run": dg.MetadataValue.url(self.run.page)}
        facts |= {name: row[name] for name in ("train_loss", "valid_score", "compute_s", "wait_s") if row.get(name) is not None}
        facts |= {f"valid {task}": score for task, score in scores.items() if score is not None}
        if eta_s is not None:
            facts["eta_s"] = round(eta_s, 1)
        if row.get("peers"):
            facts["learned_from"] = ", ".join(row["peers"])
        stored(lambda: self.context.log_event(dg.AssetObservation(asset_key=self.context.asset_key, metadata=facts)), self.log)
        told = [f"{name} {row[name]:.3f}" for name in ("train_loss", "valid_score") if row.get(name) is not None]
        what = "refit on train and validation rows" if row.get("refit") else f"round {index} of {self.rounds}"
        self.context.log.info("%s: %s", what, ", ".join([*told, *([f"{eta_s:.0f} s to go"] if eta_s else [])]))
        figures = {name: row.get(name) for name in ("train_loss", "valid_score", "learning_rate", "compute_s", "wait_s", "cpu_s")}
        self._track({**figures, **{f"valid/{task}": score for task, score in scores.items()}, **system_metrics(self.observe())}, index)

    def result(self, task: str, values: Mapping[str, Any]) -> None:
        """The final figures of a task."""
        figures = {name: values.get(name) for name in ("score", "majority", "baseline", "alone")}
        self.context.log.info("%s: %s", task, ", ".join(f"{name} {value}" for name, value in figures.items()))
        rows = summary(values.get("ablation") or ())
        ablation = {f"ablation/{task}/{row['channels']}/{name}": row[name] for row in rows for name in ("mean", "spread", "gain")}
        found = {f"ablation/{task}/encoder": encoder_effect(values.get("ablation") or ()), f"encoder/{task}/linear": values.get("encoder_linear")}
        encoder = {f"{place}/{name}": told[name] for place, told in found.items() if told is not None for name in ("without", "with")}
        gain = {f"ablation/{task}/encoder/gain": values.get("encoder_gain")}
        self._track({**{f"test/{task}/{name}": value for name, value in figures.items()}, **ablation, **encoder, **gain}, self.rounds)

    @contextmanager
    def trial(self, number: int, parameters: Mapping[str, object]) -> Iterator[EventSink]:
        """A run of its own in MLflow; in Dagster's log one line a round."""
        with self.trial_run(number, parameters) as run:
            yield _TrialSink(self, run, number)

    def _track(self, values: Mapping[str, float | None], step: int) -> None:
        track(self.context, self.run, values, step)


def system_metrics(found: Sample) -> dict[str, float]:
    """Under the names of MLflow's own, which its pages show apart from the curves of training."""
    gpus = {f"system/gpu_{place}_memory_usage_megabytes": gib * MB for place, gib in enumerate(found.gpu_used_gib)}
    return {
        "system/cpu_utilization_percentage": 100 * found.cpu_share,
        "system/load_average": found.load,
        "system/system_memory_usage_megabytes": found.memory_used_gib * MB,
        "system/step_memory_megabytes": found.step_memory_gib * MB,
        "system/disk_available_megabytes": found.disk_free_gib * MB,
        **gpus,
    }


def track(context: dg.AssetExecutionContext, run: ModelRun, values: Mapping[str, float | None], step: int) -> None:
    """Curves are a convenience: a tracking server that is away must not end a training. What it did not take goes with the next batch."""
    from mlflow.exceptions import MlflowException

    try:
        run.metrics(values, step)
    except (MlflowException, OSError, sqlite3.Error) as error:
        context.log.warning(
            "MLflow did not take the metrics of step %s; they are kept and sent again: %s", step, without_credentials(" ".join(str(error).split()))[:300]
        )


class _TrialSink(SilentSink):
    """The event sink of one trial."""

    def __init__(self, sink: StepSink, run: ModelRun, number: int) -> None:
        self.sink, self.run, self.number = sink, run, number

    def log(self, message: str) -> None:
        """A line in the step's log."""
        self.sink.log(f"trial {self.number}: {message}")

    def waiting(self, what: str) -> None:
        """As for the step."""
        self.sink.waiting(what)

    def round_done(self, row: Mapping[str, Any], scores: Mapping[str, float | None], _eta_s: float | None) -> None:
        """Figures in MLflow, a line in the log."""
        index = int(row["round"])
        shown = row.get("valid_score")
        self.log(f"round {index}/{self.sink.rounds}" + (f", validation {shown:.3f}" if shown is not None else ""))
        figures = {name: row.get(name) for name in ("train_loss", "valid_score", "learning_rate", "compute_s", "cpu_s")}
        track(self.sink.context, self.run, {**figures, **{f"valid/{task}": score for task, score in scores.items()}}, index)
