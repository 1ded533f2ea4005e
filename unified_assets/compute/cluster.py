"""Functions over paths, run on the nodes of a Ray cluster: with the cores, memory and GPU they need, and again where a node is lost.

Ray is imported here only. Every node sees the raw root and the state folder under the same paths (a shared file system) and has the same
version of this program; what differs is told before anything starts.
"""

import logging
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from unified_assets import __version__
from unified_assets.compute.inventory import GIB, Inventory, detect
from unified_assets.compute.workers import Outcome, WorkerPool
from unified_assets.core.errors import InsufficientResources, InvalidSetting, ResourceError, UnifiedAssetsError
from unified_assets.core.settings import NodeKind, Settings
from unified_assets.store import buckets

NAMESPACE = "unified_assets"
LOST_NODES = 3  # how often work is begun again after the process or the node it was on is gone
TOLD_AFTER_S = 2.0
ITEMS_OF_TASK = 512
_STATE_FILE = "lake.json"


class NodeDiffers(ResourceError):
    """A node of the cluster cannot do this lake's work."""

    def __init__(self, *, node: str, problem: str) -> None:
        self.node, self.problem = node, problem
        super().__init__(f"node {node} of the cluster {problem}. Mend it, or take the node out of the cluster.")


class NodesLost(ResourceError):
    """The work was begun again as often as is allowed, and its node was lost each time."""

    def __init__(self, *, what: str, tries: int) -> None:
        self.what, self.tries = what, tries
        super().__init__(f"{what}: the process or node it ran on was lost {tries} times. See `ray status` and the logs of the nodes; then start it again.")


@dataclass(frozen=True, kw_only=True)
class Node:
    """What one node can give, what is installed there, and why it cannot see the files (None where it can)."""

    name: str
    inventory: Inventory
    versions: dict[str, str]
    missing: str | None


def connect(address: str) -> Any:
    """Ray, joined to the cluster at `address` (once a process). Raises InvalidSetting where it is not installed or nothing answers."""
    try:
        import ray  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise _refused(address, "Ray is not installed", 'Install the extra: `pip install "unified-assets[ray]"`.') from error
    if not ray.is_initialized():
        try:
            ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise _refused(address, f"no Ray cluster answers ({error})", "Start one with `ray start --head`, or leave the setting out.") from error
    return ray


def leave() -> None:
    """Part from the cluster: whoever only asked what there is must not keep workers waiting for it."""
    import ray  # type: ignore[import-not-found, unused-ignore]

    ray.shutdown()


def nodes(address: str, state: Path, url: str | None = None) -> tuple[Node, ...]:
    """The nodes that are alive, by name. `url`: the bucket that files reach them by, where they do not see the state folder.

    Raises NodeDiffers for one that sees neither, or has another version of what computes.
    """
    ray = connect(address)
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # type: ignore[import-not-found, unused-ignore]

    alive = sorted((node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")), key=lambda node: node["NodeManagerAddress"])
    look = ray.remote(num_cpus=0, max_retries=0)(_look_around)
    asked = [look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(state, url) for node in alive]
    found = []
    for node, (inventory, versions, missing) in zip(alive, ray.get(asked), strict=True):
        resources = node["Resources"]
        given = replace(
            inventory,
            cores=int(resources["CPU"]),
            memory_gib=min(inventory.memory_gib, resources.get("memory", 0.0) / GIB),
            gpus=inventory.gpus[: int(resources.get("GPU", 0))],
        )
        found.append(Node(name=node["NodeManagerAddress"], inventory=given, versions=versions, missing=missing))
    for one in found:
        if one.missing is not None:
            raise NodeDiffers(node=one.name, problem=one.missing)
        if one.versions != versions_here():
            raise NodeDiffers(node=one.name, problem=f"has {one.versions}, here are {versions_here()}")
    return tuple(found)


def inventory(address: str, state: Path, url: str | None = None) -> Inventory:
    """All nodes together, as the queue of leases sees them; one round may have the cores of the largest, be it one that an autoscaler may add."""
    there = nodes(address, state, url)
    kinds = [kind.cores for kind in Settings().ray_node_kinds]
    gpus = [gpu for node in there for gpu in node.inventory.gpus]
    return Inventory(
        cores=sum(node.inventory.cores for node in there),
        memory_gib=sum(node.inventory.memory_gib for node in there),
        gpus=tuple(replace(gpu, index=index) for index, gpu in enumerate(gpus)),
        disk_free_gib=min((node.inventory.disk_free_gib for node in there), default=0.0),
        node_cores=max([*(node.inventory.cores for node in there), *kinds], default=0),
    )


def call(
    address: str,
    function: Callable[..., Any],
    *arguments: Any,
    what: str,
    cores: int,
    gpu: bool = False,
    memory_gib: float = 0.0,
    waiting: Callable[[str], None] = lambda _: None,
) -> Any:
    """What `function(*arguments)` returns on a node that has these resources free; whoever waits for one is told.

    It runs again from its arguments where its node is lost, so it must be a function of files that ends in the same whoever runs it.
    Raises what it raises, NodesLost, and InsufficientResources for what no node of the cluster could ever give.
    """
    ray = connect(address)
    refuse(ray, what, cores=cores, gpu=gpu, memory_gib=memory_gib)
    options = {"num_cpus": cores, "num_gpus": int(gpu), "memory": int(memory_gib * GIB) or None, "max_retries": LOST_NODES}
    asked = time.monotonic()
    answer = ray.remote(function).options(name=what, **{name: value for name, value in options.items() if value is not None}).remote(*arguments)
    try:
        while not ray.wait([answer], timeout=TOLD_AFTER_S)[0]:
            if time.monotonic() - asked >= TOLD_AFTER_S and (short := _short_of(ray, cores, gpu=gpu)):
                waiting(f"a node of the cluster with {short}")
        return ray.get(answer)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        raise NodesLost(what=what, tries=1 + LOST_NODES) from error
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error


def refuse(ray: Any, what: str, *, cores: int, gpu: bool, memory_gib: float) -> None:
    """Raise InsufficientResources for what no node there is, and none that an autoscaler may add (a setting), can give."""
    wanted = NodeKind(cores=cores, memory_gib=memory_gib, gpus=int(gpu))
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    there = [NodeKind(cores=int(one.get("CPU", 0)), memory_gib=one.get("memory", 0.0) / GIB, gpus=int(one.get("GPU", 0))) for one in alive]
    kinds = [*there, *Settings().ray_node_kinds]
    if any(kind.holds(wanted) for kind in kinds):
        return
    for resource, unit, name in (("CPU", "cores", "cores"), ("memory", "GiB", "memory_gib"), ("GPU", "GPUs", "gpus")):
        needed, most = getattr(wanted, name), max((getattr(kind, name) for kind in kinds), default=0)
        if needed > most:
            fix = "Add a larger node, name the kind an autoscaler may add in UNIFIED_ASSETS_RAY_NODE_KINDS, or lower `needs` in the preset."
            raise InsufficientResources(model=what, resource=f"{resource} on one node", needed=needed, available=round(most, 2), unit=unit, fix=fix)
    fix = "Add a node that has all of it at once, or lower `needs` in the preset."
    raise InsufficientResources(model=what, resource="one node", needed=1, available=0, unit="nodes with all of it at once", fix=fix)


class ClusterPool:
    """The form of a WorkerPool, its items spread over the nodes; on each node guarded workers as ever."""

    def __init__(self, function: Callable[[Any], Any], *, address: str, timeout_s: float, memory_mib: int, prepare: Callable[[], Any] | None) -> None:
        self._function, self._address = function, address
        self._limits = {"timeout_s": timeout_s, "memory_mib": memory_mib, "prepare": prepare}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held between two calls."""

    def map(self, items: Sequence[Any]) -> Iterator[Outcome]:
        """One outcome for each item, a task's items together, in the order in which tasks are ready."""
        ray = connect(self._address)
        task = ray.remote(_map_part).options(num_cpus=1, max_retries=LOST_NODES)
        function, limits = ray.put(self._function), ray.put(self._limits)
        parts = {task.remote(function, limits, items[start : start + ITEMS_OF_TASK]): start for start in range(0, len(items), ITEMS_OF_TASK)}
        while parts:
            for answer in ray.wait(list(parts), num_returns=1)[0]:
                start = parts.pop(answer)
                for outcome in ray.get(answer):
                    yield replace(outcome, index=start + outcome.index)


def versions_here() -> dict[str, str]:
    """Of everything that decides the bits of a result."""
    from importlib.metadata import version

    return {"unified-assets": __version__, "python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy", "polars")}}


def _look_around(state: Path, url: str | None) -> tuple[Inventory, dict[str, str], str | None]:
    return detect(state), versions_here(), _unseen(state, url)


def _unseen(state: Path, url: str | None) -> str | None:
    """Why this node does not get at the files; None where it does."""
    if url is None:
        seen = (state / _STATE_FILE).is_file()
        return None if seen else f"does not see {state}: raw root and state must lie on a file system all nodes share (or travel: UNIFIED_ASSETS_RAY_FILES)"
    try:
        next(iter(buckets.entries(buckets.opened(url, field="state_url"), url)), None)
    except UnifiedAssetsError as error:
        return f"cannot read the bucket of the state: {error}"
    return None


def _map_part(function: Callable[[Any], Any], limits: dict[str, Any], items: Sequence[Any]) -> list[Outcome]:
    with WorkerPool(function, workers=1, **limits) as pool:
        return list(pool.map(items))


def _short_of(ray: Any, cores: int, *, gpu: bool) -> str:
    """What the cluster has not free at this moment; empty where it has."""
    free = ray.available_resources()
    short = [f"{cores} free cores"] if free.get("CPU", 0) < cores else []
    return " and ".join([*short, *(["a free GPU"] if gpu and free.get("GPU", 0) < 1 else [])])


def _refused(address: str, problem: str, fix: str) -> InvalidSetting:
    return InvalidSetting(source="settings", field="ray_address", value=address, problem=problem, fix=fix)
