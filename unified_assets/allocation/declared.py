"""What folders, file names, keys and columns declare of each example of a task, outermost first, in; one side for each out."""

from collections.abc import Collection, Iterable, Sequence

from unified_assets.records.names import side_of_folder


def folders_with_train(paths: Iterable[str]) -> frozenset[str]:
    """Folders in which a train folder stands: a test folder beside it is a test side, also of tasks without anything in train."""
    return frozenset(above for path in paths for above, side in _levels(path) if side == "train")


def stands_apart(path: str, with_train: Collection[str]) -> bool:
    """Whether a file lies in a valid or test folder beside a train folder."""
    return any(side != "train" and above in with_train for above, side in _levels(path))


def _levels(path: str) -> Iterable[tuple[str, str]]:
    """(folder around it, side) of each split level of a path."""
    parts = path.split("/")
    return [("/".join(parts[:place]), side) for place, name in enumerate(parts[:-1]) if (side := side_of_folder(name))]


def resolve(declared: Sequence[str | None]) -> list[str | None]:
    """The side of each example: what the outermost level says at which they differ.

    Train of that level is refined by the next level at which some of it is declared valid, where no valid is declared yet. A level
    that all share (`dev/` around everything, `training/` above a whole lake) says nothing unless it is the only one.
    """
    chains = [None if one is None else one.split("/") for one in declared]
    level = _telling([chain for chain in chains if chain is not None])
    sides = [None if chain is None else _at(chain, level) for chain in chains]
    if "valid" in sides or "train" not in sides:
        return sides
    inner = [
        chain[level + 1 :] if chain is not None and side == "train" and len(chain) > level + 1 else None for chain, side in zip(chains, sides, strict=True)
    ]
    known = [chain for chain in inner if chain is not None]
    below = _telling(known)
    if not {_at(chain, below) for chain in known} >= {"train", "valid"}:
        return sides
    return ["valid" if chain is not None and _at(chain, below) == "valid" else side for chain, side in zip(inner, sides, strict=True)]


def _at(chain: Sequence[str], level: int) -> str:
    """The side at a level; an inner level that says nothing is what the one around it says."""
    return chain[min(level, len(chain) - 1)]


def _telling(chains: Sequence[Sequence[str]]) -> int:
    """The outermost level at which these differ; 0 where they never do."""
    depth = max(map(len, chains), default=0)
    return next((level for level in range(depth) if len({_at(chain, level) for chain in chains}) > 1), 0)
