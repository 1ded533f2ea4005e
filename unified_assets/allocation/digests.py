"""Tables of an allocation in; content hashes and the memory of sides out."""

from collections.abc import Iterable, Mapping

import polars as pl
import xxhash

from unified_assets.core.contracts import ModelSpec

MODALITIES = ("document", "image", "audio", "text", "video", "other")


def memory_of(splits: pl.DataFrame) -> dict[str, tuple[str, bool]]:
    """Key → (side, declared by the data)."""
    return {group: (split, declared) for group, split, declared in splits.select("group", "split", "declared").iter_rows()}


def model_digests(examples: pl.DataFrame, specs: Mapping[str, ModelSpec]) -> dict[str, str]:
    """A hash of each model's sorted examples: what is learned, as what, on which side."""
    found = {}
    for name in specs:
        mine = examples.filter(pl.col("model") == name).sort("example_id")
        found[name] = _hash(mine.select("example_id", "task", "target", "split").iter_rows())
    return found


def modality_digests(allocation: pl.DataFrame) -> dict[str, str]:
    """A hash of each modality's ledger rows; a modality without files has one too."""
    found = {}
    names = sorted({*MODALITIES, *allocation["modality"].unique().to_list()})
    for name in names:
        mine = allocation.filter(pl.col("modality") == name).sort("path", "model")
        found[name] = _hash((row[0], row[1], row[2], str(row[3]), row[4]) for row in mine.select("path", "model", "use", "tasks", "reason").iter_rows())
    return found


def _hash(rows: Iterable[tuple[object, ...]]) -> str:
    state = xxhash.xxh3_128()
    for row in rows:
        state.update("\x1f".join("" if value is None else str(value) for value in row).encode("utf-8", "surrogatepass") + b"\x1e")
    return state.hexdigest()
