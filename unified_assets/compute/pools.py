"""A function of one item → who runs it over many: guarded workers of this machine, or of the nodes of a cluster where the settings name one."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, Self

from unified_assets.compute.inventory import usable_cores
from unified_assets.compute.workers import Outcome, WorkerPool
from unified_assets.core import plugins
from unified_assets.core.settings import Settings


class Pool(Protocol):
    """One outcome for each item, whatever an item does to the process that works on it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def map(self, items: Sequence[Any]) -> Iterator[Outcome]:
        """Outcomes in the order in which they are ready."""


def pool_of(settings: Settings, function: Callable[[Any], Any], *, prepare: Callable[[], Any] | None = plugins.modalities, extra_s: float = 0.0) -> Pool:
    """A pool with the limits of the settings. `extra_s`: seconds an item may take beyond them."""
    workers, timeout_s = settings.workers or usable_cores(), settings.file_timeout_s + extra_s
    if settings.ray_address is not None and settings.carried_by is None:
        from unified_assets.compute.cluster import ClusterPool

        return ClusterPool(function, address=settings.ray_address, timeout_s=timeout_s, memory_mib=settings.file_memory_mib, prepare=prepare)
    return WorkerPool(function, workers=workers, timeout_s=timeout_s, memory_mib=settings.file_memory_mib, prepare=prepare)
