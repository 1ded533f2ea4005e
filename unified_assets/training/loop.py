"""One round: a checkpoint and the peers' knowledge in, a checkpoint, knowledge and metrics out.

A pure function of files and a seed: what the process keeps of the round before is a cache, used only while the checkpoint on
disk is the one it was written to.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core.contracts import TaskData
from unified_assets.core.errors import Diverged
from unified_assets.store.local import write_text
from unified_assets.training import checkpoints, encoders, knowledge, slots
from unified_assets.training.exchange import Lesson, lessons
from unified_assets.training.metrics import goodness, over_tasks, score
from unified_assets.training.orders import RoundOrder, RoundReport
from unified_assets.training.retrieval import aligned_kinds
from unified_assets.training.stability import stable
from unified_assets.training.state import Progress, TrainingState
from unified_assets.training.steps import precision, run_steps

TRUSTED_RANK = 0.85  # of held-out partners, on the mean: with three of ten pairs wrong, no space comes to more than 0.8
VALIDATED = 300  # rows of a task's validation side that a round is scored on, evenly spread


@dataclass(kw_only=True)
class Cache:
    """What the process keeps between rounds, and of which checkpoint it is."""

    stamp: str | None = None
    state: TrainingState | None = None


def prepare(order: RoundOrder, cache: Cache, *, weights: Callable[[Any], None] | None = None) -> None:
    """Round 0: build the learner, fit its statistics, write the first checkpoint. `weights` may load a champion's."""
    import torch

    start_compute(order.threads)
    started, cpu = time.perf_counter(), time.process_time()
    torch.manual_seed(order.plan.seed)
    learner, optimizers = _make(order)
    with torch.no_grad():
        learner.fit_statistics(order.tasks, order.pairs)
    if order.preset.refit and hasattr(learner, "started"):
        checkpoints.write_start(order.checkpoints, learner.started())
    if weights is not None:
        weights(learner)
    state = TrainingState(
        learner=learner,
        optimizers=optimizers,
        average=[],
        best={},
        progress=Progress(),
        generator=np.random.default_rng(order.plan.seed),
        torch_random=torch.get_rng_state(),
    )
    if order.preset.ema:
        state.start_average()
    state.best = state.weights()
    state.progress.compute_s, state.progress.cpu_s = time.perf_counter() - started, time.process_time() - cpu
    _keep(cache, state, checkpoints.save(state, order.checkpoints, reuse_best=False))


def train_round(order: RoundOrder, cache: Cache) -> RoundReport:
    """Train one round from the checkpoint of the round before. Writes the knowledge slot first, then the checkpoint."""
    start_compute(order.threads)
    started, cpu, io_s = time.perf_counter(), time.process_time(), 0.0
    before = checkpoints.folder_of(order.checkpoints, order.round_index - 1)
    teaching, givers = _teaching(order), tuple[str, ...]()

    def attempt(factor: float, cuts: int) -> tuple[TrainingState, int, float | None, float]:
        nonlocal io_s, givers
        since = time.perf_counter()
        state = restore(order, cache, before)
        io_s += time.perf_counter() - since
        cache.state = None  # from here on it is ahead of the checkpoint
        state.progress.lr_scale *= factor
        state.progress.accumulate = max(state.progress.accumulate, cuts)
        givers = encoders.receive(order, state, taught=bool(teaching))
        return (state, *run_steps(order, state, teaching))

    state, steps, train_loss, rate = stable(attempt, model=order.spec.name, round_index=order.round_index, batch_size=order.preset.batch_size, log=order.log)
    state.progress.round_index = order.round_index
    improved, mean = _validate(order, state)
    with state.averaged() as learner, precision(order.device):
        publish_knowledge(order, learner)
    since = time.perf_counter()
    state.progress.compute_s += since - started
    state.progress.cpu_s += time.process_time() - cpu
    _keep(cache, state, checkpoints.save(state, order.checkpoints, reuse_best=not improved))
    io_s += time.perf_counter() - since
    return RoundReport(
        steps=steps,
        epochs=order.preset.epochs_of(order.round_index),
        train_loss=train_loss,
        valid_score=mean,
        scores=state.progress.scores,
        learning_rate=rate,
        compute_s=time.perf_counter() - started,
        cpu_s=time.process_time() - cpu,
        io_s=io_s,
        peers=tuple(sorted({*givers, *(peer for lesson in teaching for peer in lesson.peers)})),
        lessons={lesson.task: lesson.kappa for lesson in teaching},
        improved=improved,
    )


def refit(order: RoundOrder, cache: Cache) -> RoundReport:
    """Go on for a short while from the best weights, on the training and validation sides together, after the last round.

    (Goodfellow, Bengio and Courville 2016, Deep Learning, section 7.8: early stopping, then training on with all the data.)
    What validation has decided stays, and nothing is validated: there are no rows left for it. Where it diverges, the best
    weights stay. Writes a checkpoint, and no knowledge slot: peers learn from what has not seen validation rows.
    """
    start_compute(order.threads)
    started, cpu = time.perf_counter(), time.process_time()
    before = checkpoints.folder_of(order.checkpoints, order.round_index - 1)
    teaching = _teaching(order)

    def attempt(factor: float, cuts: int) -> tuple[TrainingState, int, float | None, float]:
        state = restore(order, cache, before)
        cache.state = None  # from here on it is ahead of the checkpoint
        state.progress.lr_scale *= factor
        state.progress.accumulate = max(state.progress.accumulate, cuts)
        _from_best(order, state)
        return (state, *run_steps(order, state, teaching))

    try:
        index, size = order.round_index, order.preset.batch_size
        state, steps, train_loss, rate = stable(attempt, model=order.spec.name, round_index=index, batch_size=size, log=order.log)
        state.take_average()
        with precision(order.device):
            settle_space(order, state.learner, weigh=False)
        state.progress.refit = True
    except Diverged as error:
        order.log(f"{error} The weights from before it stay.")
        state, steps, train_loss, rate = restore(order, cache, before), 0, None, 0.0
        state.progress.refit = False
    state.progress.round_index = order.round_index
    since = time.perf_counter()
    state.progress.compute_s += since - started
    state.progress.cpu_s += time.process_time() - cpu
    _keep(cache, state, checkpoints.save(state, order.checkpoints, reuse_best=True))
    return RoundReport(
        steps=steps,
        epochs=0,
        train_loss=train_loss,
        valid_score=None,
        scores={},
        learning_rate=rate,
        compute_s=time.perf_counter() - started,
        cpu_s=time.process_time() - cpu,
        io_s=time.perf_counter() - since,
        peers=tuple(sorted({peer for lesson in teaching for peer in lesson.peers})),
        lessons={lesson.task: lesson.kappa for lesson in teaching},
        improved=False,
    )


def _from_best(order: RoundOrder, state: TrainingState) -> None:
    """The best weights, with fresh optimizers: what the later rounds' knew of gradients belongs to other weights."""
    state.learner.load_state_dict(state.best)
    state.optimizers = _optimizers(order, state.learner)
    if hasattr(state.learner, "refit_statistics"):
        with precision(order.device):
            state.learner.refit_statistics(order.tasks, checkpoints.read_start(order.checkpoints))
    state.average = []
    if order.preset.ema:
        state.start_average()


def restore(order: RoundOrder, cache: Cache, folder: Path) -> TrainingState:
    """The state of a checkpoint, on the order's device: from the cache if it is of that very checkpoint, else from disk."""
    import torch

    stamp = checkpoints.stamp(folder)
    if cache.state is None or cache.stamp != stamp:
        cache.state = checkpoints.load(folder, lambda: _make(order))
        cache.stamp = stamp
    cache.state.to(order.device)
    torch.set_rng_state(cache.state.torch_random)
    if order.device.startswith("cuda"):
        torch.cuda.manual_seed_all(int(cache.state.generator.bit_generator.random_raw()) & 0x7FFFFFFF)
    return cache.state


def start_compute(threads: int) -> None:
    """Use exactly the threads of the lease."""
    import torch

    torch.set_num_threads(threads)


def publish_knowledge(order: RoundOrder, learner: Any) -> None:
    """Write the slot of the round. Where one is there already (a resumed round, or a tombstone), that one stays."""
    read = order.round_index < order.plan.rounds  # in the last round nobody does
    pairs = order.pairs if read and "teaching" in order.preset.exchange and _takes_part(order) else None
    answers = knowledge.answers_of(learner, order.spec.name, order.tasks, pairs)
    trunks = encoders.trunks_to_give(order, learner) if read else {}

    def write(folder: Path) -> None:
        knowledge.write(folder, answers)
        encoders.write(folder, trunks)

    slots.publish(slots.slot_of(order.knowledge_dir, order.spec.name, order.round_index), write)


def _takes_part(order: RoundOrder) -> bool:
    """Whether anybody reads its answers: the models it teaches, or itself beside a teacher's."""
    return bool(order.spec.teaches or order.peers or order.spec.pair_roles)


def _teaching(order: RoundOrder) -> list[Lesson]:
    """What peers' answers of an earlier round teach, where that channel is on."""
    if "teaching" not in order.preset.exchange or not order.peers:
        return []
    own = slots.find(order.knowledge_dir, order.spec.name, order.taught_by)
    return lessons(own, order.peers, order.tasks, order.pairs)


def _make(order: RoundOrder) -> tuple[Any, list[Any]]:
    learner: Any = order.spec.build(blueprint(order))
    return learner, _optimizers(order, learner)


def _optimizers(order: RoundOrder, learner: Any) -> list[Any]:
    optimizers: list[Any] = learner.optimizers(order.plan.learning_rate)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def blueprint(order: RoundOrder) -> dict[str, Any]:
    """How the model is built: made once for a run, and read from its file by whoever resumes."""
    path = order.checkpoints / "blueprint.json"
    if not path.is_file():
        order.checkpoints.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(order.spec.blueprint(order.tasks, order.pairs)))
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _keep(cache: Cache, state: TrainingState, folder: Path) -> None:
    cache.state, cache.stamp = state, checkpoints.stamp(folder)


def _validate(order: RoundOrder, state: TrainingState) -> tuple[bool, float | None]:
    """Score the averaged weights, their parts weighed; keep them if no round was better. Returns (whether kept, mean score)."""
    with state.averaged() as learner:
        if hasattr(learner, "settle"):
            with precision(order.device):
                learner.settle(order.tasks)
                settle_space(order, learner, weigh=True)
        state.progress.scores = {data.info.task: _score(learner, data, order.device) for data in order.tasks}
        goods = [goodness(data, state.progress.scores[data.info.task]) for data in order.tasks]
        mean = over_tasks(goods, [len(data.rows("valid")) for data in order.tasks])
        best = state.progress.best_score
        improved = mean is None or best is None or mean >= best
        if improved:
            state.best, state.progress.best_round = state.weights(), order.round_index
            state.progress.best_score = mean
    return improved, mean


def settle_space(order: RoundOrder, learner: Any, *, weigh: bool) -> None:
    """Tell a learner that answers by a space of pairs which kinds of input have proved themselves there; none where no task has fewer labels than pairs."""
    if hasattr(learner, "settle_space"):
        shown = 0 if order.pairs is None else len(order.pairs.rows("train"))
        asked = any(len(data.rows("train")) < shown for data in order.tasks)  # held-out pairs are not looked at for nothing
        learner.settle_space(order.tasks, order.pairs, aligned_kinds(learner, order.pairs, least=TRUSTED_RANK) if asked else set(), weigh=weigh)


def _score(learner: Any, data: TaskData, device: str) -> float | None:
    rows = data.rows("valid")
    if len(rows) > VALIDATED:
        rows = rows[np.linspace(0, len(rows) - 1, VALIDATED).astype(np.int64)]
    if not len(rows):
        return None
    with precision(device):
        return score(data, learner.predict(data, rows).answers, rows)
