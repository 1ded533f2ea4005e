"""Examples of one model → the bundle `datasets/<model>`: manifest.json, examples.parquet and one .npy for each encoded array."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import xxhash

from unified_assets.core import plugins
from unified_assets.core.contracts import ModelSpec
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.datasets.load import TaskCounts, read_counts
from unified_assets.datasets.plan import TEXT_VERSION, TEXT_VIEW, Item, digest_of, encoders_of, item_of, modality_digests, wanted
from unified_assets.datasets.tensors import TRANSIENT, Place, Source, TensorCache, encode_missing, write_json
from unified_assets.store.local import Store, write_text

FORMAT = 1
ORIGIN = "origin.txt"  # beside the manifest: what the last build that found nothing new was made from
ROWS: dict[str, Any] = {
    "example_id": pl.String(),
    "task": pl.String(),
    "kind": pl.String(),
    "split": pl.String(),
    "group": pl.String(),
    "target": pl.String(),
    "texts": pl.List(pl.Struct({"role": pl.String(), "text": pl.String()})),
    "media": pl.List(pl.Struct({"role": pl.String(), "encoder": pl.String(), "row": pl.Int64()})),
}


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """What a build made. `dropped`: reason → examples that could not be encoded or labelled; `reused`: nothing had changed."""

    model: str
    digest: str
    folder: Path
    modality_digests: Mapping[str, str]
    counts: TaskCounts
    dropped: Mapping[str, int]
    seconds: float
    reused: bool = False


@dataclass(frozen=True, kw_only=True)
class _Body:
    """What a published dataset holds. used: by encoder, the places its arrays come from, in row order."""

    manifest: Mapping[str, Any]
    rows: list[dict[str, Any]]
    used: Mapping[str, Sequence[Place]]


def build(settings: Settings, model: str, log: Callable[[str], None] = print) -> DatasetSummary:
    """Freeze what a model learns from. Equal examples give an equal digest, and then nothing is written.

    Files are decoded once over all runs and models; an example whose file fails is dropped and counted under its reason.
    """
    started = time.perf_counter()
    settings, spec = settings.absolute(), _spec(model)
    store = Store(settings.state)
    origin, folder = _origin(spec, store.current("allocation")), store.current(f"datasets/{model}")
    manifest = None if folder is None else _manifest(folder)
    if folder is not None and manifest is not None and _is_from(folder, origin) and not TRANSIENT & set(manifest["dropped"]):
        log(f"{model}: dataset unchanged, as its allocation is")
        return _summary(model, folder, manifest, started, reused=True)
    examples = store.table("examples").filter(pl.col("model") == model).sort("example_id")
    tasks = _own_tasks(store.table("tasks"), examples)
    catalog = store.table("catalog")
    digest = digest_of(spec, examples, tasks)
    if folder is not None and manifest is not None and manifest["examples_digest"] == digest and not TRANSIENT & set(manifest["dropped"]):
        write_text(folder / ORIGIN, origin)
        log(f"{model}: dataset unchanged")
        return _summary(model, folder, manifest, started, reused=True)
    items = _sources(wanted(spec, examples), catalog)
    with store.lock(f"encode-{model}"):
        caches = encode_missing(items, settings=settings, encoders=encoders_of(spec), log=log)
        rows, used, dropped = _encoded_rows(spec, examples, tasks, caches)
        modality_of = dict(catalog.select("path", "modality").iter_rows())
        body = {
            "format": FORMAT,
            "model": model,
            "spec_version": spec.version,
            "examples_digest": digest,
            "digest": _with_dropped(digest, dropped),
            "modality_digests": modality_digests(spec, examples, modality_of),
            "tasks": tasks.sort("task").select("task", "subject", "kind", "roles", "classes").to_dicts(),
            "encoders": {name: {"version": encoder.version, "items": len(used.get(name, ()))} for name, encoder in encoders_of(spec).items()},
            "dropped": dict(sorted(Counter(dropped.values()).items())),
            "counts": TaskCounts.of_rows(rows).as_dict(),
        }
        published = store.publish(f"datasets/{model}", lambda target: _write(target, _Body(manifest=body, rows=rows, used=used), caches, spec))
        write_text(published / ORIGIN, origin)
    return _summary(model, published, body, started, reused=False)


def _origin(spec: ModelSpec, allocation: Path | None) -> str:
    """What the digest of a dataset depends on, without reading the examples: a version of the allocation never changes."""
    encoders = sorted((role, encoder.name, encoder.version) for role, encoder in spec.encoders.items())
    return repr((FORMAT, TEXT_VERSION, spec.version, encoders, None if allocation is None else allocation.name))


def _is_from(folder: Path, origin: str) -> bool:
    try:
        return (folder / ORIGIN).read_text(encoding="utf-8") == origin
    except FileNotFoundError:
        return False


def _spec(model: str) -> ModelSpec:
    specs = plugins.models()
    if model not in specs:
        raise InvalidSetting(source="datasets.build", field="model", value=model, problem="no such model", fix=f"Choose one of {', '.join(specs)}.")
    return specs[model]


def _own_tasks(tasks: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    return tasks.filter(pl.col("task").is_in(examples["task"].drop_nulls().unique().to_list())).sort("task")


def _sources(items: Mapping[Item, str], catalog: pl.DataFrame) -> dict[Item, Source]:
    """Where to read each item from. A path the catalog does not hold any more is decoded as what it is not: a named failure."""
    rows = catalog.filter(pl.col("path").is_in(sorted(set(items.values())))).select("path", "modality", "media_type")
    known = {path: Source(path=path, modality=modality or "other", media_type=media or "") for path, modality, media in rows.iter_rows()}
    return {item: known.get(path, Source(path=path, modality="other", media_type="")) for item, path in items.items()}


def _encoded_rows(
    spec: ModelSpec, examples: pl.DataFrame, tasks: pl.DataFrame, caches: Mapping[str, TensorCache]
) -> tuple[list[dict[str, Any]], dict[str, list[Place]], dict[str, str]]:
    """Rows that can be learned from, the places their arrays come from (by encoder, in row order), and example_id → why dropped."""
    classes = {row["task"]: (row["kind"], set(row["classes"])) for row in tasks.iter_rows(named=True)}
    rows, used, dropped = [], dict[str, list[Place]](), dict[str, str]()
    numbers: dict[str, dict[tuple[str, str], int]] = {}
    for example in examples.iter_rows(named=True):
        problem = _bad_target(example, classes) or _bad_input(spec, example, caches)
        if problem is not None:
            dropped[example["example_id"]] = problem
            continue
        texts, media = [], []
        for value in example["inputs"]:
            item = item_of(spec, value)
            if item is None:
                texts.append({"role": value["role"], "text": value["text"]})
                continue
            place = caches[item.view].places[item.key]
            if item.view == TEXT_VIEW:
                texts.append({"role": value["role"], "text": caches[TEXT_VIEW].text(place)})
                continue
            known = numbers.setdefault(item.view, {})
            if item.key not in known:
                known[item.key] = len(known)
                used.setdefault(item.view, []).append(place)
            media.append({"role": value["role"], "encoder": item.view, "row": known[item.key]})
        columns = ("example_id", "task", "kind", "split", "group", "target")
        rows.append({**{name: example[name] for name in columns}, "texts": texts, "media": media})
    return rows, used, dropped


def _bad_target(example: Mapping[str, Any], classes: Mapping[str, tuple[str, set[str]]]) -> str | None:
    if example["task"] is None:
        return None
    if example["task"] not in classes:
        return "unknown_task"
    if example["target"] is None:
        return "no_target"
    kind, names = classes[example["task"]]
    options = sum(value["role"] == "option" for value in example["inputs"])
    return _bad_value(kind, example["target"], names, options)


def _bad_value(kind: str, target: str, names: set[str], options: int) -> str | None:
    if kind in {"classification", "pair"}:
        return None if target in names else "unknown_class"
    if kind == "choice":
        return None if target.isdecimal() and int(target) < options else "no_such_option"
    return "not_a_number" if kind == "regression" and not _is_number(target) else None


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _bad_input(spec: ModelSpec, example: Mapping[str, Any], caches: Mapping[str, TensorCache]) -> str | None:
    """The reason an input cannot be used, or None. A pair keeps both its sides or none."""
    for value in example["inputs"]:
        item = item_of(spec, value)
        if item is not None:
            place = caches[item.view].places.get(item.key)
            if place is None or place.reason is not None:
                return "not_encoded" if place is None else place.reason
    return None


def _with_dropped(digest: str, dropped: Mapping[str, str]) -> str:
    """What could not be used is part of what the data is: the same examples with one file unreadable are other data."""
    if not dropped:
        return digest
    return xxhash.xxh3_128("\n".join([digest, *sorted(dropped)]).encode("utf-8", "surrogatepass")).hexdigest()


def _write(target: Path, body: _Body, caches: Mapping[str, TensorCache], spec: ModelSpec) -> None:
    for name, encoder in encoders_of(spec).items():
        (target / name).mkdir()
        for array, (dtype, shape) in encoder.arrays.items():
            if body.used.get(name):
                caches[name].write(body.used[name], array, dtype, shape, target / name / f"{array}.npy")
    pl.DataFrame(body.rows, schema=ROWS, orient="row").write_parquet(target / "examples.parquet", compression="zstd")
    write_json(target / "manifest.json", body.manifest)


def _manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / "manifest.json"
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return value if value.get("format") == FORMAT else None


def _summary(model: str, folder: Path, manifest: Mapping[str, Any], started: float, *, reused: bool) -> DatasetSummary:
    return DatasetSummary(
        model=model,
        digest=manifest["digest"],
        folder=folder,
        modality_digests=manifest["modality_digests"],
        counts=read_counts(folder),
        dropped=manifest["dropped"],
        seconds=time.perf_counter() - started,
        reused=reused,
    )
