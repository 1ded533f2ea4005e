"""One model's whole training in a run: preparation, rounds with a barrier between, baselines, test metrics.

It holds its lock and its memory while it lives, cores and a GPU only while a round computes. Killed at any point and started
again, it goes on from its last checkpoint to the same bits.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unified_assets.compute.leases import Lease, LeaseBroker
from unified_assets.core import plugins
from unified_assets.core.contracts import BaselineScore, EventSink, ModelSpec, PretrainedVectors, TaskData
from unified_assets.inference.pretrained import encoded, pairs_with, with_vectors
from unified_assets.training import baselines, checkpoints, encoders, logs, loop, slots, tuning, word_vectors
from unified_assets.training.ablation import Variant, effect_of, variants
from unified_assets.training.apart import Apart
from unified_assets.training.barrier import Membership
from unified_assets.training.computing import Closing, Computing, Here
from unified_assets.training.inputs import Dataset, chosen_tasks, seed_of
from unified_assets.training.orders import RoundOrder, RoundReport
from unified_assets.training.plan import Plan
from unified_assets.training.results import read_results
from unified_assets.training.state import Progress

WORDS_ROUND, BASELINE_ROUND, PREPARATION = -2, -1, 0
BASELINE_SHARE = 0.05  # of a model's work: what a baseline is taken for in the queue of leases


@dataclass(frozen=True, kw_only=True)
class ModelOutcome:
    """A trained model: the folder to register, its results, rounds trained, and whether all was there already."""

    folder: Path
    results: Mapping[str, Any]
    rounds: int
    skipped: bool


def train_model(
    spec: ModelSpec,
    *,
    dataset: Dataset,
    run_dir: Path,
    knowledge_dir: Path,
    plan: Plan,
    broker: LeaseBroker,
    members: Sequence[str],
    champions: Mapping[str, Path | None],
    initial: Path | None,
    sink: EventSink,
    specs: Mapping[str, ModelSpec] | None = None,
    texts: Mapping[str, Path] | None = None,
    locks: Path | None = None,
    stall_s: float = 20.0,
    grace_s: float = 20.0,
    vectors: PretrainedVectors | None = None,
    computing: Callable[[], Computing] = Here,
) -> ModelOutcome:
    """Train a model as the plan says, beside the other `members` of the run.

    `champions`: final folders pinned for the run. `specs`: all registered models (default: the plug-ins). `texts`: the datasets
    that the plan's word vectors are made of. `locks`: a folder of this attempt at the run (a re-execution needs a fresh one);
    default `<run_dir>/locks`. `vectors`: a pretrained encoder's. `computing`: where rounds compute, default in this process.
    Raises YieldStep where the step has to step aside, Diverged, InsufficientResources, DeviceNotAvailable, NothingToTrain,
    CorruptCheckpoint.
    """
    folder = run_dir / "models" / spec.name / "final"
    membership = Membership(locks=locks or run_dir / "locks", model=spec.name, members=tuple(members), stall_s=stall_s, grace_s=grace_s)
    mine = plan.models[spec.name]
    with membership.alive():
        done = read_results(folder)
        if done is not None and done["dataset"] == dataset.digest:
            sink.log(f"{spec.name} was trained in this run already")
            return ModelOutcome(folder=folder, results=done, rounds=int(done["rounds"]), skipped=True)
        order = RoundOrder(
            spec=spec,
            plan=mine,
            preset=plan.preset,
            tasks=with_vectors(chosen_tasks(dataset, plan.preset), vectors),
            pairs=pairs_with(dataset.pairs, vectors),
            round_index=PREPARATION,
            checkpoints=run_dir / "models" / spec.name / "checkpoints",
            knowledge_dir=knowledge_dir,
            log=sink.log,
        )
        with broker.admit(spec.name, mine.memory_gib, run=plan.run, members=plan.memory_of, waiting=sink.waiting):
            training = _Training(
                order=order, plan=plan, run_dir=run_dir, broker=broker, membership=membership, sink=sink, champions=champions, computing=computing
            )
            training.known = teachers(spec.name, specs, members, champions)
            training.givers = tuple(name for name in training.known if encoders.takes_from(spec, (specs or plugins.models())[name]))
            training.teachers = training.read(plan.preset.exchange)
            if plan.word_vectors is not None and spec.words == "shares":
                training.share_words(texts or {})
            training.ablate(dataset, initial, training.concerns(members))
            if plan.preset.trials:
                training.order = training.tuned(initial)
            return training.run(dataset, folder, initial)


def teachers(model: str, specs: Mapping[str, ModelSpec] | None, members: Sequence[str], champions: Mapping[str, Path | None]) -> tuple[str, ...]:
    """Whose answers it reads: members of the run, and champions, that say they teach this model."""
    known = plugins.models() if specs is None else specs
    able = (name for name in known if name in members or champions.get(name) is not None)
    return tuple(sorted(name for name in able if name != model and model in known[name].teaches))


@dataclass(kw_only=True)
class _Training:
    """The parts of one model's training, and what they share."""

    order: RoundOrder
    plan: Plan
    run_dir: Path
    broker: LeaseBroker
    membership: Membership
    sink: EventSink
    champions: Mapping[str, Path | None]
    computing: Callable[[], Computing]
    known: tuple[str, ...] = ()  # whose answers it may read
    givers: tuple[str, ...] = ()  # ... and whose trunks
    teachers: tuple[str, ...] = ()  # whose slots it waits for
    ablation: Sequence[Mapping[str, Any]] = ()  # what trainings with other channels or seeds came to
    effect: Sequence[str] = ()  # channels that concern this model
    _measured_s: float = 0.0
    _prepared_s: float = 0.0

    def share_words(self, texts: Mapping[str, Path]) -> None:
        """Give the tasks the word vectors of the run."""
        key = self.plan.word_vectors
        assert key is not None
        shared = word_vectors.shared(self.run_dir, key, texts, lease=lambda: self._lease(WORDS_ROUND), waiting=self.sink.waiting)
        self.order = replace(self.order, tasks=tuple(replace(data, word_vectors=shared) for data in self.order.tasks))

    def read(self, channels: Sequence[str]) -> tuple[str, ...]:
        """Whose slots are waited for, with these channels."""
        return self.known if "teaching" in channels else self.givers if "encoders" in channels else ()

    def concerns(self, members: Sequence[str]) -> set[str]:
        """The channels that concern this model: it reads something there, or peers wait for what it publishes."""
        spec, heard = self.order.spec, bool(self.order.spec.teaches & {*members})
        found = {
            "teaching": bool(self.known) or heard,
            "vectors": spec.words == "shares",
            "encoders": bool(self.givers) or (encoders.gives(spec) and heard),
        }
        return {channel for channel, concerned in found.items() if concerned}

    def ablate(self, dataset: Dataset, initial: Path | None, concerns: AbstractSet[str]) -> None:
        """Train with fewer channels and from other seeds, where the preset asks for that."""
        self.ablation = [self._variant(variant, dataset, initial) for variant in variants(self.plan.preset, concerns, encoder=encoded(self.order.tasks))]
        self.effect = effect_of(self.plan.preset.exchange, concerns)

    def _variant(self, variant: Variant, dataset: Dataset, initial: Path | None) -> dict[str, Any]:
        """One training beside the one that counts, under `<run>/ablation/<variant>`; what is there already is read."""
        apart, name = self.run_dir / "ablation" / variant.name, self.order.spec.name
        folder = apart / "models" / name / "final"
        if (results := read_results(folder)) is None or results["dataset"] != dataset.digest:
            preset = self.plan.preset.model_copy(update={"exchange": variant.channels, "seed": variant.seed})
            tasks = self.order.tasks if "vectors" in variant.channels else tuple(replace(data, word_vectors=None) for data in self.order.tasks)
            pairs = self.order.pairs
            if not variant.encoder:
                tasks, pairs = with_vectors(tasks, None), pairs_with(pairs, None)
            mine = replace(self.order.plan, seed=seed_of(variant.seed, name))
            order = replace(self.order, preset=preset, plan=mine, tasks=tasks, pairs=pairs)
            order = replace(order, checkpoints=folder.with_name("checkpoints"), knowledge_dir=apart / "knowledge")
            plan = replace(self.plan, preset=preset)
            sink = Apart(self.sink, f"{name} {variant.name}")
            training = replace(self, order=order, plan=plan, run_dir=apart, sink=sink, teachers=self.read(variant.channels), ablation=())
            results = dict(training.run(dataset, folder, initial).results)
        scores = {task["task"]: task["score"] for task in results["tasks"]}
        return {
            "channels": list(variant.effect),
            "encoder": variant.encoder and encoded(self.order.tasks),
            "seed": variant.seed,
            "cpu_s": results["cpu_s"],
            "scores": scores,
        }

    def tuned(self, initial: Path | None) -> RoundOrder:
        """The order with the learning rate and batch size that trials found, under `<run>/trials/<model>`."""
        found = tuning.search(
            self.order,
            self.run_dir / "trials" / self.order.spec.name,
            rounds=lambda order: self._rounds_of_trial(order, initial),
            opened=self.sink.trial,
        )
        return found.applied(self.order)

    def _rounds_of_trial(self, order: RoundOrder, initial: Path | None) -> Iterator[tuple[int, RoundReport]]:
        """Rounds of a trial from where it is, each under a lease."""
        there, done = self.computing(), checkpoints.newest(order.checkpoints)
        if done is None:
            with self._lease(PREPARATION, there) as lease:
                there.prepare(order.on(threads=lease.threads, device="cpu"), initial)
        for index in range((done or 0) + 1, order.plan.rounds + 1):
            with self._lease(index, there) as lease:
                report = there.train(_at(order, index, {}).on(threads=lease.threads, device=lease.device))
            yield index, report

    def run(self, dataset: Dataset, folder: Path, initial: Path | None) -> ModelOutcome:
        """Whatever is left to do. Baselines come last: peers wait for rounds, and nobody for baselines."""
        order, there = self.order, self.computing()
        done = checkpoints.newest(order.checkpoints)
        if done is None:
            with self._lease(PREPARATION, there) as lease:
                began = time.monotonic()
                there.prepare(order.on(threads=lease.threads, device="cpu"), initial)
            done, self._prepared_s = 0, time.monotonic() - began
        elif done:
            self.sink.log(f"{order.spec.name} goes on after round {done} of {order.plan.rounds}")
        started = time.monotonic()
        last = self._progress(done).refit is not None or done == order.plan.rounds or self._stopped(done + 1)
        while not last:
            done += 1
            last = self._round(done, there, started)
        if self._refits(done):
            done += 1
            self._refit(done, there, started)
        references = self._references(there, order.checkpoints if dataset.folder is None else dataset.folder)
        closing = Closing(folder=folder, dataset=dataset.digest, baselines=references, ablation=self.ablation, effect=self.effect)
        slots.end(order.knowledge_dir, order.spec.name, done)  # where the last round was not known to be the last
        with self._lease(max(1, done), there) as lease:
            results = there.finish(_at(order, done, {}).on(threads=lease.threads, device=lease.device), closing)
        for task in results["tasks"]:
            self.sink.result(task["task"], task)
        return ModelOutcome(folder=folder, results=results, rounds=int(results["rounds"]), skipped=False)

    def _references(self, there: Computing, folder: Path) -> dict[str, BaselineScore]:
        """The classical baseline of every task, each under a lease of its own."""
        order = replace(self.order, tasks=with_vectors(self.order.tasks, None))

        def reference(data: TaskData) -> BaselineScore:
            with self._lease(BASELINE_ROUND, there) as lease:
                return there.reference(order.on(threads=lease.threads, device="cpu"), data)

        return baselines.measure(order.spec, order.tasks, folder, reference=reference, log=self.sink.log)

    def _round(self, index: int, there: Computing, started: float) -> bool:
        """One round; whether it was the last."""
        order = self.order
        waited = time.monotonic()
        peers = self._peers(index, there)
        with self._lease(index, there) as lease:
            wait_s = time.monotonic() - waited
            report = there.train(_at(order, index, peers).on(threads=lease.threads, device=lease.device))
            last = index == order.plan.rounds or self._stopped(index + 1)
            if last:
                slots.end(order.knowledge_dir, order.spec.name, index)
            self._report(index, report, wait_s=wait_s, started=started)
        return last

    def _refits(self, last: int) -> bool:
        """Whether a refit follows this round, which is the last."""
        progress = self._progress(last)
        return progress.refit is None and self.order.refit_steps(progress.steps) > 0

    def _progress(self, index: int) -> Progress:
        return checkpoints.progress(checkpoints.folder_of(self.order.checkpoints, index))

    def _refit(self, index: int, there: Computing, started: float) -> None:
        """Go on for a while from the best weights, with the validation side, too."""
        order, waited = self.order, time.monotonic()
        slots.end(order.knowledge_dir, order.spec.name, index - 1)
        peers = self._peers(index - 1, there)
        with self._lease(index, there) as lease:
            wait_s = time.monotonic() - waited
            report = there.train(replace(_at(order, index, peers), refit=True).on(threads=lease.threads, device=lease.device))
            self._report(index, report, wait_s=wait_s, started=started, refit=True)

    def _peers(self, index: int, there: Computing) -> dict[str, Path]:
        """What to learn from in a round: the slots of the round before; a champion's knowledge where there is a tombstone."""
        if index == 1 or not self.teachers:
            return {}

        def idle() -> None:
            if self.broker.gpu_wanted(self.order.spec.name):
                there.leave_device()
                self.broker.leave_gpu(self.order.spec.name)

        found = self.membership.wait_for(self.teachers, self.order.knowledge_dir, index - 1, waiting=self.sink.waiting, idle=idle)
        return {peer: folder for peer, slot in found.items() if (folder := self._knowledge_in(peer, slot, index)) is not None}

    def _knowledge_in(self, peer: str, slot: Path, index: int) -> Path | None:
        if not slots.is_tombstone(slot):
            return slot
        champion = self.champions.get(peer)
        known = None if champion is None else champion / "knowledge"
        if known is not None and known.is_dir():
            self.sink.log(f"round {index}: {peer} is gone; its champion's knowledge is used")
            return known
        self.sink.log(f"round {index}: {peer} is gone and has no champion; nothing is learned from it")
        return None

    @contextmanager
    def _lease(self, index: int, there: Computing | None = None) -> Iterator[Lease]:
        """Cores (and a GPU for a training round) while something computes; no thread beyond them."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        mine = self.order.plan
        with (
            self.broker.round(
                mine.model,
                index,
                cores=mine.cores,
                threads=mine.threads,
                device=mine.device if index > PREPARATION else "cpu",
                gpu_memory_gib=mine.gpu_memory_gib,
                priority=mine.priority,
                remaining=self._remaining_s(index),
                log=self.run_dir / "leases" / f"{mine.model}.jsonl",
                waiting=self.sink.waiting,
                leave_gpu=_nothing if there is None else there.leave_device,
            ) as lease,
            threadpool_limits(limits=mine.threads),
        ):
            loop.start_compute(mine.threads)
            yield lease

    def _remaining_s(self, index: int) -> float:
        """Work that is left: as measured over the rounds done, before that as the plan guesses; of a refit, what such a round and the preparation took."""
        plan = self.order.plan
        left = 1.0 - max(0, index - 1) / plan.rounds
        if index == BASELINE_ROUND:
            return plan.work_s * BASELINE_SHARE
        if index <= 1 or not self._measured_s:
            return plan.work_s * left
        a_round = self._measured_s / (index - 1)
        refit = a_round / 2 + self._prepared_s if self.order.preset.refit else 0.0
        return a_round * plan.rounds * max(0.0, left) + refit

    def _stopped(self, index: int) -> bool:
        """Whether no further round is worth it: no better score for `patience` rounds, or the time is spent."""
        progress, preset = self._progress(index - 1), self.plan.preset
        if preset.patience is not None and progress.round_index - progress.best_round >= preset.patience and progress.best_round:
            self.sink.log(f"stops before round {index}: no better validation score since round {progress.best_round}")
            return True
        if preset.minutes is not None and progress.compute_s >= 60 * preset.minutes:
            self.sink.log(f"stops before round {index}: {preset.minutes:g} minutes of training are spent")
            return True
        return False

    def _report(self, index: int, report: RoundReport, *, wait_s: float, started: float, refit: bool = False) -> None:
        self._measured_s += report.compute_s
        row = {
            "model": self.order.spec.name,
            "round": index,
            "epochs": report.epochs,
            "steps": report.steps,
            "train_loss": report.train_loss,
            "valid_score": report.valid_score,
            "learning_rate": report.learning_rate,
            "compute_s": report.compute_s,
            "wait_s": wait_s,
            "cpu_s": report.cpu_s,
            "peers": list(report.peers),
            "ended": time.time(),
            "refit": refit,
        }
        extra = {"io_s": report.io_s, "scores": dict(report.scores), "lessons": dict(report.lessons), "improved": report.improved}
        logs.append(self.run_dir / "rounds" / f"{self.order.spec.name}.jsonl", {**row, **extra})
        for task, kappa in report.lessons.items():
            self.sink.log(f"round {index}: {task} learned from {', '.join(report.peers)} on pairs (kappa {kappa:.2f})")
        left = max(0, self.order.plan.rounds - index)
        self.sink.round_done(row, report.scores, left * (time.monotonic() - started) / max(1, index) if left else 0.0)


def _at(order: RoundOrder, index: int, peers: Mapping[str, Path]) -> RoundOrder:
    return replace(order, round_index=index, peers=peers)


def _nothing() -> None:
    """Nothing is kept on a GPU."""
