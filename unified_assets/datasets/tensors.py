"""Items to encode in; their arrays out, decoded once in guarded workers and kept over runs under `<state>/tensors/`.

A cache folder holds write-once shards: `index.parquet` (file_id, locator, row, reason) and one `<array>.npy` for each array.
Two builds may add at once: shards are named apart and published by renaming, and a key met twice has equal content.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unified_assets.compute.pools import Pool, pool_of
from unified_assets.compute.progress import Progress, progress
from unified_assets.core.contracts import Encoder
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import Decoded, DecodedDocument, DecodedText
from unified_assets.core.settings import Settings
from unified_assets.datasets.plan import TEXT_VERSION, TEXT_VIEW, Item

SHARD_BYTES = 64 * 2**20
TEXT_LIMIT = 20_000  # characters of a document that reach a model; the rest is cut
TRANSIENT = frozenset({"crash", "timeout", "out_of_memory"})  # may be the machine's fault: tried again by the next build
INDEX = {"file_id": pl.String(), "locator": pl.String(), "row": pl.Int64(), "reason": pl.String()}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file to decode, and how its catalog row describes it."""

    path: str
    modality: str
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an encoded item lies: a row of a shard. `reason` instead says why it could not be encoded."""

    shard: Path | None
    row: int
    reason: str | None = None


Task = tuple[Source, tuple[Item, ...]]
Encoded = dict[Item, tuple[dict[str, np.ndarray] | None, str | None]]  # arrays or a reason


def view_text(decoded: Decoded, locator: str | None) -> str:
    """The text of a document or text file. Raises UnreadableFile(`no_text`) where there is none."""
    if isinstance(decoded, DecodedDocument) and locator and locator.startswith("page="):
        page = int(locator.removeprefix("page="))
        text = decoded.pages[page].text if page < len(decoded.pages) else ""
    elif isinstance(decoded, DecodedDocument | DecodedText) and not locator:
        text = decoded.text
    else:
        raise UnreadableFile("no_text", f"{type(decoded).__name__} at {locator!r}")
    if not text.strip():
        raise UnreadableFile("no_text", "the text layer is empty")
    return text[:TEXT_LIMIT]


def encode_file(task: Task, *, root: Path, encoders: Mapping[str, Encoder]) -> Encoded:
    """Decode a file once and encode all that is wanted of it. Runs in a worker; a view that fails gives a reason of its own."""
    from unified_assets import files

    source, items = task
    decoded = files.decode(root, source.path, source.modality, source.media_type)
    done: Encoded = {}
    for item in items:
        try:
            if item.view == TEXT_VIEW:
                text = view_text(decoded, item.locator)
                done[item] = ({"text": np.frombuffer(text.encode("utf-8", "replace"), np.uint8)}, None)
            else:
                done[item] = (_checked(encoders[item.view], decoded, item.locator), None)
        except UnreadableFile as error:
            done[item] = (None, error.reason)
        except (ValueError, IndexError, TypeError, ArithmeticError) as error:
            done[item] = (None, type(error).__name__)
    return done


def _checked(encoder: Encoder, decoded: Decoded, locator: str | None) -> dict[str, np.ndarray]:
    arrays = encoder.encode(decoded, locator)
    out = {}
    for name, (dtype, shape) in encoder.arrays.items():
        value = np.ascontiguousarray(arrays[name], dtype=dtype)
        if value.shape != shape:
            raise ValueError(f"encoder {encoder.name}: {name} has shape {value.shape}, declared {shape}")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"encoder {encoder.name}: {name} is not finite")
        out[name] = value
    return out


class TensorCache:
    """Encoded items of one view, keyed by content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places: dict[tuple[str, str], Place] = {}
        for index in sorted(folder.glob("shard-*/index.parquet")):
            self._read(index.parent)

    def _read(self, shard: Path) -> None:
        for file_id, locator, row, reason in pl.read_parquet(shard / "index.parquet").iter_rows():
            self.places[file_id, locator] = Place(shard=shard, row=row, reason=reason)

    def add(self, rows: Sequence[tuple[Item, dict[str, np.ndarray] | None, str | None]]) -> None:
        """Publish one shard. Transient failures are known to this build only."""
        kept = [(item, arrays, reason) for item, arrays, reason in rows if reason not in TRANSIENT]
        for item, _, reason in rows:
            if reason in TRANSIENT:
                self.places[item.key] = Place(shard=None, row=-1, reason=reason)
        if not kept:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}"
        attempt = self.folder / f".tmp-{name}"
        attempt.mkdir()
        try:
            _write_shard(attempt, kept)
            attempt.rename(self.folder / f"shard-{name}")
        except BaseException:
            shutil.rmtree(attempt, ignore_errors=True)
            raise
        self._read(self.folder / f"shard-{name}")

    def text(self, place: Place) -> str:
        """A cached text."""
        assert place.shard is not None
        ends = np.load(place.shard / "ends.npy", mmap_mode="r")
        start = int(ends[place.row - 1]) if place.row else 0
        data = np.load(place.shard / "text.npy", mmap_mode="r")
        return bytes(data[start : int(ends[place.row])]).decode("utf-8", "replace")

    def write(self, places: Sequence[Place], name: str, dtype: str, shape: tuple[int, ...], target: Path) -> None:
        """Write one array of these places, in their order, as a .npy file that can be memory-mapped."""
        out = np.lib.format.open_memmap(target, mode="w+", dtype=np.dtype(dtype), shape=(len(places), *shape))
        by_shard: dict[Path, list[int]] = {}
        for position, place in enumerate(places):
            assert place.shard is not None
            by_shard.setdefault(place.shard, []).append(position)
        for shard, positions in by_shard.items():
            source = np.load(shard / f"{name}.npy", mmap_mode="r")
            for position in positions:
                out[position] = source[places[position].row]
        out.flush()


def _write_shard(folder: Path, rows: Sequence[tuple[Item, dict[str, np.ndarray] | None, str | None]]) -> None:
    good = [arrays for _, arrays, _ in rows if arrays is not None]
    row, index = 0, []
    for item, arrays, reason in rows:
        index.append((*item.key, row if arrays is not None else -1, reason))
        row += arrays is not None
    for name in good[0] if good else ():
        values = [arrays[name] for arrays in good]
        if name == "text":  # lengths differ: one flat array and where each text ends
            np.save(folder / "ends.npy", np.cumsum([len(value) for value in values]))
            np.save(folder / "text.npy", np.concatenate(values))
        else:
            np.save(folder / f"{name}.npy", np.stack(values))
    pl.DataFrame(index, schema=INDEX, orient="row").write_parquet(folder / "index.parquet")


def encode_missing(items: Mapping[Item, Source], *, settings: Settings, encoders: Mapping[str, Encoder], log: Callable[[str], None]) -> dict[str, TensorCache]:
    """Encode what no cache holds yet; returns the caches by view, which then know every item asked for."""
    views = {item.view for item in items}
    caches = {view: TensorCache(cache_folder(settings.state, view, encoders)) for view in sorted(views)}
    missing: dict[str, tuple[Source, list[Item]]] = {}
    for item, source in sorted(items.items(), key=lambda pair: (pair[1].path, pair[0].view, pair[0].locator or "")):
        if item.key not in caches[item.view].places:
            missing.setdefault(source.path, (source, []))[1].append(item)
    if missing:
        log(f"encoding {len(missing)} files")
        tasks: list[Task] = [(source, tuple(wanted)) for source, wanted in missing.values()]
        function = partial(encode_file, root=settings.raw, encoders=encoders)
        with progress(settings.state, f"encode {' '.join(caches)}", len(tasks), log) as told, pool_of(settings, function) as pool:
            _run(tasks, caches, pool, told)
    return caches


def cache_folder(state: Path, view: str, encoders: Mapping[str, Encoder]) -> Path:
    """`<state>/tensors/<encoder>-<version>`; a new encoder version starts an empty cache."""
    version = TEXT_VERSION if view == TEXT_VIEW else encoders[view].version
    return state / "tensors" / f"{view}-{version}"


def _run(tasks: Sequence[Task], caches: Mapping[str, TensorCache], pool: Pool, told: Progress) -> None:
    waiting: dict[str, list[tuple[Item, dict[str, np.ndarray] | None, str | None]]] = {view: [] for view in caches}
    sizes = dict.fromkeys(caches, 0)
    for outcome in pool.map(tasks):
        told.add()
        items = tasks[outcome.index][1]
        done: Encoded = dict.fromkeys(items, (None, outcome.reason)) if outcome.reason else outcome.value
        for item, (arrays, reason) in done.items():
            waiting[item.view].append((item, arrays, reason))
            sizes[item.view] += sum(value.nbytes for value in (arrays or {}).values())
            if sizes[item.view] >= SHARD_BYTES:
                caches[item.view].add(waiting[item.view])
                waiting[item.view], sizes[item.view] = [], 0
    for view, rows in waiting.items():
        if rows:
            caches[view].add(rows)


def write_json(path: Path, value: Any) -> None:
    """Stable JSON: equal content gives equal bytes."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n", encoding="utf-8")
