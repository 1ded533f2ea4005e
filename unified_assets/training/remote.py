"""A model's rounds on the nodes of a cluster: what to do travels as paths and numbers, what came of it lies on the shared file system.

Where nodes share none, the files of a round go there by way of a bucket, into a folder of the node for that model, and what it made comes back.

A node keeps the state of a round in the process that computed it, for the next one may land there again; where it does not, the checkpoint
is read. Either way the result has the same bits.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import xxhash

from unified_assets.compute import cluster
from unified_assets.core import plugins
from unified_assets.core.contracts import BaselineScore, TaskData
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.inference.pretrained import encoded, pairs_with, with_vectors
from unified_assets.store.carriage import Carrier, Unit
from unified_assets.training import slots, word_vectors
from unified_assets.training.computing import Closing, Here
from unified_assets.training.inputs import chosen_tasks
from unified_assets.training.loop import start_compute
from unified_assets.training.orders import RoundOrder, RoundReport
from unified_assets.training.pretrained import Address

Load = Callable[[Path], Any]  # a published dataset folder → Dataset


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What the calls before left in this process: the data with what was computed of them, the state of the last round."""

    tasks: tuple[TaskData, ...]
    pairs: TaskData | None
    here: Here = field(default_factory=Here)


_KEPT: dict[tuple[Path, Address | None, Path | None], _Kept] = {}  # by checkpoints, encoder and words; of one training only, the last


@dataclass(frozen=True, kw_only=True)
class Job:
    """An order without what cannot travel.

    `encoder`: a pretrained encoder. `words`: file of the word vectors that models share.
    """

    model: str
    order: RoundOrder
    dataset: Path
    load: Load
    encoder: Address | None
    words: Path | None


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a call gave, and what it logged on its node."""

    value: Any
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Carried:
    """How files reach nodes that do not see the state folder: by this bucket."""

    state: Path
    url: str


@dataclass(kw_only=True)
class There:
    """`Computing` on a cluster. `load` is a module-level function that reads a dataset."""

    address: str
    dataset: Path
    load: Load
    encoder: Address | None = None
    words: Path | None = None
    carried: Carried | None = None
    _carrier: Carrier | None = None

    def reference(self, order: RoundOrder, data: TaskData) -> BaselineScore:
        """The classical baseline of a task."""
        found: BaselineScore = self._call(_reference, order, data.info.task, what="baseline")
        return found

    def prepare(self, order: RoundOrder, initial: Path | None) -> None:
        """Round 0."""
        self._call(_prepare, order, initial, what="preparation")

    def train(self, order: RoundOrder) -> RoundReport:
        """One round."""
        report: RoundReport = self._call(_train, order, what=f"round {order.round_index}")
        return report

    def finish(self, order: RoundOrder, closing: Closing) -> dict[str, Any]:
        """Final figures."""
        results: dict[str, Any] = self._call(_finish, order, closing, what="final figures")
        if self._carrier is not None:  # the dataset is what the next run may want
            self._carrier.keep_only(self._carrier.send([self.dataset]))
        return results

    def leave_device(self) -> None:
        """Nothing of a round stays on a GPU: Ray ends the process."""

    def _call(self, function: Callable[..., Told], order: RoundOrder, *arguments: Any, what: str) -> Any:
        sent = replace(order, spec=None, tasks=(), pairs=None, log=_dropped)  # type: ignore[arg-type]
        words = self.words if any(data.word_vectors is not None for data in order.tasks) else None
        encoder = self.encoder if encoded(order.tasks) else None
        job = Job(model=order.spec.name, order=sent, dataset=self.dataset, load=self.load, encoder=encoder, words=words)
        told: Told = (self._ask if self.carried is None else partial(self._send_and_ask, self.carried))(
            function,
            job,
            *arguments,
            what=f"{order.spec.name} {what}",
            cores=order.threads,
            gpu=order.device.startswith("cuda"),
            memory_gib=order.plan.memory_gib,
            waiting=order.log,
        )
        for line in told.lines:
            order.log(line)
        return told.value

    def _ask(self, function: Callable[..., Any], *arguments: Any, **needs: Any) -> Any:
        return cluster.call(self.address, function, *arguments, **needs)

    def _send_and_ask(self, carried: Carried, function: Callable[..., Told], job: Job, *arguments: Any, **needs: Any) -> Told:
        """The same where the files have to travel."""
        if self._carrier is None:
            self._carrier = Carrier(carried.url, whose=job.model, home=carried.state)
        parcel = Parcel(carried=carried, model=job.model, units=self._carrier.send(_inputs(job, arguments)))
        told, made = self._ask(_carried, parcel, function, job, *arguments, **needs)
        self._carrier.receive(made, within=[job.order.checkpoints])
        return cast("Told", told)


def there(
    address: str | None, *, dataset: Any, load: Load, encoder: Address | None = None, words: Path | None = None, carried: Carried | None = None
) -> Callable[[], "Here | There"]:
    """Who computes a model's rounds: this process, or the cluster at `address`. Raises InvalidSetting for data that lie in no folder.

    `encoder`: where nodes find a pretrained encoder; `words`: where the shared word vectors of the run will lie; `carried`: how files reach nodes
    that do not see them.
    """
    if address is None:
        return Here
    if dataset.folder is None:
        problem = "the dataset lies in memory only"
        raise InvalidSetting(source="settings", field="ray_address", value=address, problem=problem, fix="Build it with `datasets.build`, or train locally.")
    return partial(There, address=address, dataset=dataset.folder, load=load, encoder=encoder, words=words, carried=carried)


# ------------------------------------------------------------------------------------------------- files that travel


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """The files of a call."""

    carried: Carried
    model: str
    units: tuple[Unit, ...]

    def home(self) -> Path:
        """The folder of this node that stands for the state folder, for one model of it."""
        cache = Settings().ray_cache or Path.home() / ".cache" / "unified-assets" / "nodes"
        lake = xxhash.xxh3_64_hexdigest(f"{self.carried.url}\n{self.carried.state}".encode())
        home = cache / lake / self.model
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return home


@cache
def _carrier_of(url: str, model: str, home: Path) -> Carrier:
    """The end of the way in this process of a node, which knows the hashes of what it has seen."""
    return Carrier(url, whose=model, home=home)


def _carried(parcel: Parcel, function: Callable[..., Told], job: Job, *arguments: Any) -> tuple[Told, tuple[Unit, ...]]:
    """On a node: a function over files of the state folder, done over their copies here. Returns the units it made, too."""
    home = parcel.home()
    carrier = _carrier_of(parcel.carried.url, parcel.model, home)
    carrier.receive(parcel.units, within=[home])

    def moved(path: Path) -> Path:
        return carrier.home / path.resolve().relative_to(parcel.carried.state.resolve())

    order = job.order
    at = replace(
        order,
        checkpoints=moved(order.checkpoints),
        knowledge_dir=moved(order.knowledge_dir),
        peers={peer: moved(slot) for peer, slot in order.peers.items()},
    )
    encoder = job.encoder and replace(job.encoder, folder=moved(job.encoder.folder), state=home, told=job.encoder.folder)
    here = replace(job, order=at, dataset=moved(job.dataset), encoder=encoder, words=job.words and moved(job.words))
    those = [replace(one, folder=moved(one.folder)) if isinstance(one, Closing) else moved(one) if isinstance(one, Path) else one for one in arguments]
    told = function(here, *those)
    return told, carrier.send(_outputs(here, those))


def _inputs(job: Job, arguments: Sequence[Any]) -> list[Path]:
    """Files and folders that a call reads."""
    order = job.order
    own = slots.find(order.knowledge_dir, job.model, order.taught_by)
    encoder = [] if job.encoder is None else [job.encoder.folder, *_parts(job.encoder.home(job.model))]
    words = [] if job.words is None else word_vectors.files_of(job.words)
    champion = [one for one in arguments if isinstance(one, Path)]
    wanted = [job.dataset, *_parts(order.checkpoints), *order.peers.values(), *([] if own is None else [own]), *encoder, *words, *champion]
    return [path for path in wanted if path.exists()]


def _outputs(job: Job, arguments: Sequence[Any]) -> list[Path]:
    """Files and folders that a call may have made."""
    order = job.order
    encoder = [] if job.encoder is None else _parts(job.encoder.home(job.model))
    finals = [one.folder for one in arguments if isinstance(one, Closing)]
    made = [*_parts(order.checkpoints), slots.slot_of(order.knowledge_dir, job.model, order.round_index), *encoder, *finals]
    return [path for path in made if path.exists()]


def _parts(folder: Path) -> list[Path]:
    """What lies in a folder, if there is one, without what somebody is writing at this moment."""
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))


# ------------------------------------------------------------------------------------------------- on a node


def _reference(job: Job, task: str) -> Told:
    with _opened(job) as (here, order, lines):
        data = next(data for data in with_vectors(order.tasks, None) if data.info.task == task)
        return Told(value=here.reference(order, data), lines=tuple(lines))


def _prepare(job: Job, initial: Path | None) -> Told:
    with _opened(job) as (here, order, lines):
        here.prepare(order, initial)
        return Told(value=None, lines=tuple(lines))


def _train(job: Job) -> Told:
    with _opened(job) as (here, order, lines):
        return Told(value=here.train(order), lines=tuple(lines))


def _finish(job: Job, closing: Closing) -> Told:
    with _opened(job) as (here, order, lines):
        return Told(value=here.finish(order, closing), lines=tuple(lines))


@contextmanager
def _opened(job: Job) -> Iterator[tuple[Here, RoundOrder, list[str]]]:
    """The order whole again, on this node, and no thread beyond its own: their number would change the last bits."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    lines: list[str] = []
    order, key = job.order, (job.order.checkpoints, job.encoder, job.words)
    start_compute(order.threads)
    kept = _KEPT.get(key)
    if kept is None:
        _KEPT.clear()
        dataset = job.load(job.dataset)
        encoder = None if job.encoder is None else job.encoder.vectors(job.model)
        words = None if job.words is None else word_vectors.read(job.words)
        tasks = (replace(data, word_vectors=words) for data in chosen_tasks(dataset, order.preset))
        kept = _KEPT[key] = _Kept(tasks=with_vectors(tuple(tasks), encoder), pairs=pairs_with(dataset.pairs, encoder))
    device = "cuda:0" if order.device.startswith("cuda") else "cpu"  # Ray shows a task its own GPU only
    whole = replace(order, spec=plugins.models()[job.model], tasks=kept.tasks, pairs=kept.pairs, device=device, log=lines.append)
    with threadpool_limits(limits=order.threads):
        yield kept.here, whole, lines


def _dropped(_: str) -> None:
    """Say nothing: lines come back with the answer."""
