"""A model's order in; the learning rate and batch size that its validation side liked best, by successive halving, out.

A trial is a training like any other: rounds under leases, with checkpoints below `<run>/trials/<model>/<number>`. Optuna says what to
try next (a tree-structured Parzen estimator, Bergstra et al. 2011) and which trial is not worth another round (asynchronous
successive halving, Li et al. 2020). Started again after a kill it asks the same questions, is told the same answers from
`trial.json` of each, and goes on where it was.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from unified_assets.core.contracts import EventSink
from unified_assets.core.errors import Diverged, InvalidSetting
from unified_assets.store.local import write_text
from unified_assets.training import checkpoints
from unified_assets.training.orders import RoundOrder, RoundReport

SPAN = 8.0  # learning rates from the usual one divided by this to the usual one times this
LEAST_BATCH = 4

Rounds = Callable[[RoundOrder], Iterator[tuple[int, RoundReport]]]
Open = Callable[[int, dict[str, Any]], AbstractContextManager[EventSink]]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is tuned."""

    learning_rate: float
    batch_size: int

    def applied(self, order: RoundOrder) -> RoundOrder:
        """The order with this setting in place."""
        return replace(
            order, plan=replace(order.plan, learning_rate=self.learning_rate), preset=order.preset.model_copy(update={"batch_size": self.batch_size})
        )


def search(order: RoundOrder, folder: Path, *, rounds: Rounds, opened: Open) -> Setting:
    """The best of `preset.trials` settings; the usual one is the first of them, so the answer is never worse on the validation side.

    `rounds`: trains an order from where its checkpoints are, one round at a time. `opened`: who is told of a trial.
    Raises InvalidSetting where Optuna is not installed.
    """
    optuna = _optuna()
    usual = Setting(learning_rate=order.plan.learning_rate, batch_size=order.preset.batch_size)
    sizes = sorted({max(LEAST_BATCH, usual.batch_size // 2), usual.batch_size, 2 * usual.batch_size})
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2))
    study.enqueue_trial(asdict(usual))
    best, best_score = usual, float("-inf")
    for number in range(order.preset.trials):
        # A sampler of its own for each trial: what it draws does not depend on how often the search was interrupted.
        study.sampler = optuna.samplers.TPESampler(seed=(order.plan.seed + number) % 2**31, n_startup_trials=4)
        trial = study.ask()
        setting = Setting(
            learning_rate=trial.suggest_float("learning_rate", usual.learning_rate / SPAN, usual.learning_rate * SPAN, log=True),
            batch_size=trial.suggest_categorical("batch_size", sizes),
        )
        score = _try(trial, _order_of(order, setting, folder / f"{number:03d}"), rounds=rounds, opened=partial(opened, number, asdict(setting)))
        study.tell(trial, score, state=optuna.trial.TrialState.COMPLETE if score is not None else optuna.trial.TrialState.PRUNED)
        if score is not None and score > best_score:
            best, best_score = setting, score
    found, before = (f"learning rate {one.learning_rate:.3g}, batch size {one.batch_size}" for one in (best, usual))
    order.log(f"{order.preset.trials} trials: {found} (usual: {before})")
    return best


def _order_of(order: RoundOrder, setting: Setting, folder: Path) -> RoundOrder:
    """A trial trains by itself: what its peers know depends on trials of their own."""
    apart = setting.applied(order)
    return replace(
        apart, preset=apart.preset.model_copy(update={"exchange": ()}), checkpoints=folder / "checkpoints", knowledge_dir=folder / "knowledge", peers={}
    )


def _try(trial: Any, order: RoundOrder, *, rounds: Rounds, opened: Callable[[], AbstractContextManager[EventSink]]) -> float | None:
    """Its best validation score over all rounds; None where it was given up or diverged before the last, or nothing can be validated."""
    record = order.checkpoints.with_name("trial.json")
    scores = _known_scores(record, order)
    for index, score in enumerate(scores, start=1):
        if _given_up(trial, index, score):
            return None
    if len(scores) < order.plan.rounds:
        # A rate at which the loss explodes is what trials are there to find: it ends the trial, not the model.
        with suppress(Diverged), opened() as told:
            for index, report in rounds(order):
                scores = [*scores, report.valid_score]
                write_text(record, json.dumps({"learning_rate": order.plan.learning_rate, "batch_size": order.preset.batch_size, "scores": scores}))
                row = {"model": order.spec.name, "round": index, "train_loss": report.train_loss, "valid_score": report.valid_score}
                told.round_done({**row, "learning_rate": report.learning_rate, "compute_s": report.compute_s, "cpu_s": report.cpu_s}, report.scores, None)
                if _given_up(trial, index, report.valid_score):
                    return None
        if len(scores) < order.plan.rounds:
            return None
    measured = [score for score in scores if score is not None]
    return max(measured, default=None)


def _known_scores(record: Path, order: RoundOrder) -> list[float | None]:
    """The scores of the rounds that are done. Where checkpoint and record do not agree, the trial starts anew: it comes to the same."""
    try:
        scores: list[float | None] = json.loads(record.read_text(encoding="utf-8"))["scores"]
    except (FileNotFoundError, ValueError, KeyError):
        scores = []
    if len(scores) != (checkpoints.newest(order.checkpoints) or 0):
        shutil.rmtree(record.parent, ignore_errors=True)
        return []
    return scores


def _given_up(trial: Any, index: int, score: float | None) -> bool:
    if score is None:
        return True
    trial.report(score, index)
    return bool(trial.should_prune())


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        fix = "Install it: pip install 'unified_assets[tune]'; or set `trials: 0`."
        raise InvalidSetting(source="preset", field="trials", value="more than 0", problem="trials need Optuna, which is not installed", fix=fix) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
