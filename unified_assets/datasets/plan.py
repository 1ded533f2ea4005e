"""Rows of `examples` of one model in; what has to be decoded, and a digest of what the model will learn from, out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import xxhash

from unified_assets.core.contracts import Encoder, ModelSpec

TEXT_VIEW = "text"
TEXT_VERSION = "1"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to encode: a view of a file. `view` is an encoder's name, or TEXT_VIEW for the text of a document or text file."""

    view: str
    file_id: str
    locator: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What the item is cached under: content and place in it, never a path."""
        return self.file_id, self.locator or ""


def encoders_of(spec: ModelSpec) -> dict[str, Encoder]:
    """Encoders by their own name; two roles may share one."""
    return {encoder.name: encoder for encoder in spec.encoders.values()}


def item_of(spec: ModelSpec, value: Mapping[str, Any]) -> Item | None:
    """The item an input needs, or None for a text that stands in the example itself."""
    encoder = spec.encoders.get(value["role"])
    if encoder is not None:
        return Item(view=encoder.name, file_id=value["file_id"] or "", locator=value["locator"])
    if value["text"] is None:
        return Item(view=TEXT_VIEW, file_id=value["file_id"] or "", locator=value["locator"])
    return None


def wanted(spec: ModelSpec, examples: pl.DataFrame) -> dict[Item, str]:
    """Items of all examples, each with one path that holds it."""
    found: dict[Item, str] = {}
    for inputs in examples["inputs"]:
        for value in inputs:
            item = item_of(spec, value)
            if item is not None:
                found.setdefault(item, value["path"])
    return found


def digest_of(spec: ModelSpec, examples: pl.DataFrame, tasks: pl.DataFrame) -> str:
    """Hash of the sorted examples, the classes of their tasks and the versions of the encoders they pass through."""
    state = xxhash.xxh3_128()
    for line in sorted(_lines(spec, examples)):
        state.update(line)
    for row in tasks.sort("task").iter_rows(named=True):
        state.update(_joined([row["task"], row["kind"], row["subject"], *row["roles"], "", *row["classes"]]))
    return state.hexdigest()


def modality_digests(spec: ModelSpec, examples: pl.DataFrame, modality_of: Mapping[str, str]) -> dict[str, str]:
    """A digest for each modality whose files this model learns from: only examples that touch it count."""
    lines: dict[str, list[bytes]] = {}
    for line, inputs in zip(_lines(spec, examples), examples["inputs"], strict=True):
        for modality in {modality_of.get(value["path"], "other") for value in inputs}:
            lines.setdefault(modality, []).append(line)
    digests = {}
    for modality, rows in sorted(lines.items()):
        state = xxhash.xxh3_128()
        for row in sorted(rows):
            state.update(row)
        digests[modality] = state.hexdigest()
    return digests


def _lines(spec: ModelSpec, examples: pl.DataFrame) -> Iterator[bytes]:
    for row in examples.iter_rows(named=True):
        parts: list[str | None] = [row["example_id"], row["task"], row["kind"], row["target"], row["split"]]
        for value in row["inputs"]:
            encoder = spec.encoders.get(value["role"])
            version = TEXT_VERSION if encoder is None else f"{encoder.name}-{encoder.version}"
            parts += [value["role"], value["file_id"], value["locator"], value["text"], version]
        yield _joined(parts)


def _joined(parts: Iterable[str | None]) -> bytes:
    """Length-prefixed, so that no two different rows give the same bytes."""
    encoded = [("" if part is None else f"={part}").encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in encoded)
