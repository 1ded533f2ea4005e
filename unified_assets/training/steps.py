"""The steps of a round: which task, which rows, which rate; forwards, backwards, clip, step, average."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from unified_assets.core.contracts import TaskData
from unified_assets.training import knowledge
from unified_assets.training.exchange import Lesson
from unified_assets.training.metrics import constant_score
from unified_assets.training.orders import RoundOrder
from unified_assets.training.sampling import batches, need_of, order_of_steps, steps_of_tasks, weighted_batches
from unified_assets.training.stability import LossWatch
from unified_assets.training.state import TrainingState

CLIP = 3.0
WARM_UP = 0.08
FINAL_RATE = 0.01  # of the full rate, at the end of the cosine
LESSON_SHARE = 0.5  # most of a step's rows that a lesson takes the place of: teaching costs no more passes than training alone
CONTRASTIVE = "(pairs)"  # the name under which unlabelled pairs take part in the drawing of steps


def run_steps(order: RoundOrder, state: TrainingState, teaching: list[Lesson]) -> tuple[int, float | None, float]:
    """Train the round's epochs. Returns steps, mean loss, and the last share of the learning rate times the plan's rate."""
    import torch

    steps_before, needs = state.progress.steps, _needs(order, state)
    passes, share_at = _schedule(order, steps_before)
    watch, losses = LossWatch(), []
    draw = _draws(order, state, teaching)
    rate = order.plan.learning_rate * state.progress.lr_scale * share_at(steps_before)
    parameters, moving = list(state.learner.parameters()), state.moving()
    state.learner.train()
    for steps in passes if state.optimizers else ():
        sizes = _sizes(order, teaching)
        if _has_pair_loss(order, state):
            sizes[CONTRASTIVE] = len(knowledge.pair_rows(order.pairs))  # type: ignore[arg-type]
        for task in order_of_steps(steps_of_tasks(sizes, steps, needs), state.generator):
            share = state.progress.lr_scale * share_at(state.progress.steps)
            _begin(state, share)
            loss = _step(order, state, task, draw, parameters)
            watch.see(task, loss)
            losses.append(loss)
            state.progress.steps += 1
            state.average_step(moving)
            rate = order.plan.learning_rate * share
    state.torch_random = torch.get_rng_state()
    return state.progress.steps - steps_before, float(np.mean(losses)) if losses else None, rate


def _schedule(order: RoundOrder, done: int) -> tuple[list[int], Callable[[int], float]]:
    """(steps of each pass, share of the full rate at a step): the round's epochs, or the refit after `done` steps, with a warm-up and cosine of its own."""
    if order.refit:
        steps = order.refit_steps(done)
        return [steps], lambda step: rate_at(step - done, steps)
    total = order.total_steps()
    return [order.epoch_steps()] * order.preset.epochs_of(order.round_index), lambda step: rate_at(step, total)


def _sizes(order: RoundOrder, teaching: list[Lesson]) -> dict[str, int]:
    """Task -> examples to learn from: its own, or those of its lesson where it has none; tasks without either are left out."""
    taught = {lesson.task: len(lesson.rows) for lesson in teaching}
    return {task: size or taught[task] for task, size in order.sizes().items() if size or task in taught}


@dataclass(frozen=True, kw_only=True)
class _Draws:
    """Endless batches of each task, and of its lesson."""

    rows: Mapping[str, Iterator[np.ndarray]]
    data: Mapping[str, TaskData]
    lessons: Mapping[str, Lesson]
    taught: Mapping[str, Iterator[np.ndarray]]


def _draws(order: RoundOrder, state: TrainingState, teaching: list[Lesson]) -> _Draws:
    size, generator = order.preset.batch_size, state.generator
    by_task = {lesson.task: lesson for lesson in teaching}
    taught = {data.info.task: lesson_rows(size, len(order.rows(data)), by_task.get(data.info.task)) for data in order.tasks}
    rows = {data.info.task: _labelled(order, data, size - taught[data.info.task], generator) for data in order.tasks}
    if order.pairs is not None:
        rows[CONTRASTIVE] = batches(knowledge.pair_rows(order.pairs), size, generator)
    lessons = {task: weighted_batches(lesson.rows, lesson.balance, taught[task], generator) for task, lesson in by_task.items()}
    return _Draws(rows=rows, data={data.info.task: data for data in order.tasks}, lessons=by_task, taught=lessons)


def _labelled(order: RoundOrder, data: TaskData, size: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches of a task's rows; in the refit, half of each are validation rows: they are few, and met for the first time."""
    old, new = data.rows("train"), data.rows("valid")
    if not order.refit or not len(old) or not len(new):
        return batches(order.rows(data), size, generator)
    fresh = max(1, size // 2)
    return (np.concatenate(parts) for parts in zip(batches(old, size - fresh, generator), batches(new, fresh, generator), strict=True))


def lesson_rows(size: int, labelled: int, lesson: Lesson | None) -> int:
    """How many of a step's rows are those of a lesson: by what there is of both, at most half, and one at least; all of a task without labels."""
    if lesson is None:
        return 0
    if not labelled:
        return size
    share = len(lesson.rows) / (len(lesson.rows) + labelled)
    return max(1, int(size * min(LESSON_SHARE, share)))


def _begin(state: TrainingState, share: float) -> None:
    """Before a step: this share of the learning rates, no gradients, training mode."""
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        optimizer.zero_grad(set_to_none=True)
    if not state.learner.training:  # a loss may have looked at answers; to set it anew each time walks all modules
        state.learner.train()


def _step(order: RoundOrder, state: TrainingState, task: str, draw: _Draws, parameters: Sequence[Any]) -> float:
    """One optimiser step; the batch in as many parts as memory asks for. `parameters`: all of the learner's. Returns the loss."""
    import torch

    total = 0.0
    for loss in _losses(order, state, task, draw):
        total += float(loss.detach())
        if loss.requires_grad and np.isfinite(total):
            loss.backward()
    for value in state.kept:
        value.grad = None
    learned = [value for value in parameters if value.grad is not None]
    if learned:
        norm = torch.nn.utils.clip_grad_norm_(learned, CLIP)
        if not bool(torch.isfinite(norm)):
            return float("nan")
        for optimizer in state.optimizers:
            if any(value.grad is not None for group in optimizer.param_groups for value in group["params"]):
                optimizer.step()
    return total


def _losses(order: RoundOrder, state: TrainingState, task: str, draw: _Draws) -> Iterator[Any]:
    """The parts of a step's loss, each to be sent backwards before the next is computed."""
    cuts = state.progress.accumulate
    batch = next(draw.rows[task])
    if task == CONTRASTIVE:
        with precision(order.device):
            loss = state.learner.pair_loss(order.pairs, batch)  # contrastive: in parts it would be another loss
        if loss is not None:
            yield loss
        return
    data = draw.data[task]
    for rows in _parts(batch, cuts):  # none of a task without labels
        with precision(order.device):
            yield state.learner.loss(data, rows) * (len(rows) / len(batch))
    lesson = draw.lessons.get(task)
    if lesson is not None and order.pairs is not None:
        pairs, places = knowledge.as_task(order.pairs, data), next(draw.taught[task])
        for part in _parts(places, cuts):
            targets = _tensor(lesson.targets[part], state.device)
            with precision(order.device):
                yield state.learner.loss(pairs, lesson.rows[part], targets) * (lesson.weight * len(part) / len(places))


def _parts(rows: np.ndarray, cuts: int) -> list[np.ndarray]:
    return [part for part in np.array_split(rows, cuts) if len(part)]


def _tensor(values: np.ndarray, device: str) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def _needs(order: RoundOrder, state: TrainingState) -> dict[str, float] | None:
    """By the validation of the round before, which the checkpoint holds; None in the first round, and for models that go by size."""
    if order.spec.steps_by != "need" or not state.progress.scores:
        return None
    scores = {data.info.task: state.progress.scores.get(data.info.task) for data in order.tasks}
    return {data.info.task: need_of(scores[data.info.task], len(data.rows("valid")), constant_score(data)) for data in order.tasks}


def _has_pair_loss(order: RoundOrder, state: TrainingState) -> bool:
    """Whether the model learns from unlabelled pairs by itself; asked with a small batch, without a trace in the random state."""
    import torch

    if order.pairs is None or len(order.spec.pair_roles) < 2:
        return False
    rows = knowledge.pair_rows(order.pairs)[: order.preset.batch_size]
    if len(rows) < 2:
        return False
    with torch.random.fork_rng(devices=[]), torch.no_grad(), precision(order.device):
        state.learner.eval()
        return state.learner.pair_loss(order.pairs, rows) is not None


def rate_at(step: int, total: int) -> float:
    """Share of the full learning rate: linear warm-up, then a cosine over all rounds."""
    warm = max(1, int(WARM_UP * total))
    if step < warm:
        return (step + 1) / warm
    along = min(1.0, (step - warm) / max(1, total - warm))
    return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + float(np.cos(np.pi * along)))


def precision(device: str) -> AbstractContextManager[Any]:
    """Mixed precision (bfloat16) on a GPU."""
    import torch

    return torch.autocast("cuda", dtype=torch.bfloat16) if device.startswith("cuda") else nullcontext()
