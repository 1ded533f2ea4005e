"""The steps of a round: which task, which rows, which rate; forwards, backwards, clip, step, average."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from unified_assets.core.contracts import TaskData
from unified_assets.training import knowledge
from unified_assets.training.exchange import Lesson
from unified_assets.training.orders import RoundOrder
from unified_assets.training.sampling import batches, order_of_steps, steps_of_tasks, weighted_batches
from unified_assets.training.stability import LossWatch
from unified_assets.training.state import TrainingState

CLIP = 3.0
WARM_UP = 0.08
FINAL_RATE = 0.01  # of the full rate, at the end of the cosine
LESSON_EVERY = 2  # steps of a task from one lesson to the next, which then counts as much more: half the passes for the same teaching
CONTRASTIVE = "(pairs)"  # the name under which unlabelled pairs take part in the drawing of steps


def run_steps(order: RoundOrder, state: TrainingState, teaching: list[Lesson]) -> tuple[int, float | None, float]:
    """Train the round's epochs. Returns steps, mean loss, and the last share of the learning rate times the plan's rate."""
    import torch

    epochs = order.preset.epochs_of(order.round_index) if state.optimizers else 0
    total, watch, losses = order.total_steps(), LossWatch(), []
    draw = _draws(order, state, teaching)
    rate = order.plan.learning_rate * state.progress.lr_scale * rate_at(state.progress.steps, total)
    steps_before = state.progress.steps
    for _epoch in range(epochs):
        sizes = order.sizes()
        if _has_pair_loss(order, state):
            sizes[CONTRASTIVE] = len(knowledge.pair_rows(order.pairs))  # type: ignore[arg-type]
        for task in order_of_steps(steps_of_tasks(sizes, order.epoch_steps()), state.generator):
            share = state.progress.lr_scale * rate_at(state.progress.steps, total)
            loss = _step(order, state, task, draw, share)
            watch.see(task, loss)
            losses.append(loss)
            state.progress.steps += 1
            state.average_step()
            rate = order.plan.learning_rate * share
    state.torch_random = torch.get_rng_state()
    return state.progress.steps - steps_before, float(np.mean(losses)) if losses else None, rate


@dataclass(frozen=True, kw_only=True)
class _Draws:
    """Endless batches of each task, and of its lesson; at which of the task's steps a lesson is due."""

    rows: Mapping[str, Iterator[np.ndarray]]
    data: Mapping[str, TaskData]
    lessons: Mapping[str, Lesson]
    taught: Mapping[str, Iterator[np.ndarray]]
    due: Mapping[str, Iterator[bool]]


def _draws(order: RoundOrder, state: TrainingState, teaching: list[Lesson]) -> _Draws:
    size, generator = order.preset.batch_size, state.generator
    rows = {data.info.task: batches(data.rows("train"), size, generator) for data in order.tasks}
    if order.pairs is not None:
        rows[CONTRASTIVE] = batches(knowledge.pair_rows(order.pairs), size, generator)
    by_task = {lesson.task: lesson for lesson in teaching}
    taught = {task: weighted_batches(lesson.rows, lesson.balance, size, generator) for task, lesson in by_task.items()}
    due = {task: cycle([True] + [False] * (LESSON_EVERY - 1)) for task in by_task}
    return _Draws(rows=rows, data={data.info.task: data for data in order.tasks}, lessons=by_task, taught=taught, due=due)


def _step(order: RoundOrder, state: TrainingState, task: str, draw: _Draws, share: float) -> float:
    """One optimiser step; the batch in as many parts as memory asks for. Returns the loss."""
    import torch

    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        optimizer.zero_grad(set_to_none=True)
    state.learner.train()
    total = 0.0
    for loss in _losses(order, state, task, draw):
        total += float(loss.detach())
        if loss.requires_grad and np.isfinite(total):
            loss.backward()
    learned = [value for value in state.learner.parameters() if value.grad is not None]
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
    for rows in _parts(batch, cuts):
        with precision(order.device):
            yield state.learner.loss(data, rows) * (len(rows) / len(batch))
    lesson = draw.lessons.get(task)
    if lesson is not None and order.pairs is not None and next(draw.due[task]):
        pairs, places = knowledge.as_task(order.pairs, data), next(draw.taught[task])
        for part in _parts(places, cuts):
            targets = _tensor(lesson.targets[part], state.device)
            with precision(order.device):
                yield state.learner.loss(pairs, lesson.rows[part], targets) * (LESSON_EVERY * lesson.weight * len(part) / len(places))


def _parts(rows: np.ndarray, cuts: int) -> list[np.ndarray]:
    return [part for part in np.array_split(rows, cuts) if len(part)]


def _tensor(values: np.ndarray, device: str) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


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
