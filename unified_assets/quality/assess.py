"""Catalog in; the quality table, its page and a summary out. Only contents not measured before are decoded."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.core import plugins
from unified_assets.core.contracts import Check
from unified_assets.core.settings import Settings
from unified_assets.core.tables import DECISIONS, QUALITY_REPORT, SCHEMA_VERSION
from unified_assets.quality import overrides, similarity, sounds, texts
from unified_assets.quality.duplicates import copies
from unified_assets.quality.measure import versions
from unified_assets.quality.measurements import MEASURED, known, measure_contents, unsettled
from unified_assets.quality.report import render
from unified_assets.quality.verdicts import DUPLICATE_PENALTY, EXTENSION_PENALTY, Verdict, issue, judge
from unified_assets.store.local import Store, read_table, write_table

MODALITIES = ("document", "image", "audio", "text", "video", "other")
VERSION = "3"  # of how verdicts and the page are made
COMPARED = {"image": similarity.near_duplicates, "text": texts.near_duplicates, "audio": sounds.near_duplicates}


@dataclass(frozen=True, kw_only=True)
class QualitySummary:
    """What `assess` found.

    `digests`: modality → hash of its rows; `measured`: contents decoded this time; `copied_share`: of files that are copies of
    another one, exactly or nearly; `worst`: issue, path, detail and thumbnail (a data URI) of a few files.
    """

    files: int
    decisions: dict[str, int]
    rejected_share: float
    digests: dict[str, str]
    seconds: float
    issues: dict[str, int]
    measured: int
    page: Path
    copied_share: float
    worst: tuple[dict[str, str], ...]


def assess(settings: Settings, log: Callable[[str], None] = lambda _: None) -> QualitySummary:
    """Judge every path of the catalog. Publishes the bundle `quality`, unless nothing it depends on has changed."""
    started = time.monotonic()
    settings = settings.absolute()
    store = Store(settings.state)
    store.bind(settings.raw)
    with store.lock("assess"):
        catalog = store.table("catalog").sort("path")
        rules = overrides.load(settings)
        inputs = _inputs(catalog, rules)
        previous = store.current("quality")
        measured = 0
        manifest = {} if previous is None else _manifest(previous)
        if manifest.get("inputs") != inputs or manifest.get("unsettled"):
            measured = _publish(settings, store, catalog, rules, inputs=inputs, previous=previous, log=log)
    return _summary(store, measured, time.monotonic() - started)


def _publish(
    settings: Settings,
    store: Store,
    catalog: pl.DataFrame,
    rules: overrides.Overrides,
    *,
    inputs: str,
    previous: Path | None,
    log: Callable[[str], None],
) -> int:
    """Measure what is new, judge everything, publish; returns how many contents were decoded."""
    duplicate_of, forged = copies(settings.raw, catalog)
    wanted = catalog.filter((pl.col("status") == "ok") & pl.col("modality").is_in(list(plugins.modalities())) & ~pl.col("path").is_in(list(duplicate_of)))
    kept = known(previous, versions())
    table, fresh = measure_contents(settings, wanted, kept, forged, log)
    verdicts = _verdicts(catalog, table, duplicate_of, rules)
    rows = [verdict.row() for verdict in verdicts]
    report = pl.DataFrame(rows, schema=QUALITY_REPORT)
    measures = pl.DataFrame(list(table.values()), schema=MEASURED)
    manifest = {"inputs": inputs, "digests": _digests(report), "unsettled": sum(map(unsettled, table.values()))}

    def write(folder: Path) -> None:
        write_table(folder, "quality_report", report)
        write_table(folder, "measured", measures, MEASURED)
        rendered = render(settings, catalog, report, measures, checks=rules.tuning.checks(), log=log)
        (folder / "quality_report" / "index.html").write_text(rendered.page, encoding="utf-8")
        (folder / "worst.json").write_text(json.dumps(rendered.worst, indent=1) + "\n", encoding="utf-8")
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")

    store.publish("quality", write)
    return fresh


def _verdicts(catalog: pl.DataFrame, table: Mapping[str, dict[str, Any]], duplicate_of: Mapping[str, str], rules: overrides.Overrides) -> list[Verdict]:
    checks = rules.tuning.checks()
    groups = _near_groups(table, checks) if rules.tuning.compares("near_duplicate") else {}
    copied = Counter(duplicate_of.values())
    verdicts, values = [], {}
    for row in catalog.select("path", "file_id", "modality", "media_type", "status", "reason", "extension_agrees").iter_rows(named=True):
        path = row["path"]
        first = duplicate_of.get(path, path)
        measured = table.get(first)
        verdict = Verdict(path=path, file_id=row["file_id"], modality=row["modality"], duplicate_of=duplicate_of.get(path))
        verdict.near_duplicate_group = groups.get(first)
        verdict.failure = _failure(row, measured)
        verdict.accepted = rules.accepts(path)
        values[path] = measured["values"] if measured is not None else []
        if verdict.failure is None:
            _compare(verdict, first, copied, rules)
            if row["extension_agrees"] is False and rules.tuning.compares("wrong_extension"):
                verdict.add(issue("wrong_extension", "warn", detail=f"the content is {row['media_type']}"), EXTENSION_PENALTY)
            if rules.rejects(path):
                verdict.add(issue("excluded", "reject", detail="unified.yaml"), 100.0)
        verdicts.append(verdict)
    judge(verdicts, values, checks)
    return verdicts


def _compare(verdict: Verdict, first: str, copied: Mapping[str, int], rules: overrides.Overrides) -> None:
    if verdict.duplicate_of is not None:
        if not rules.tuning.compares("duplicate"):
            return
        found = issue("duplicate", "warn", value=float(copied[first] + 1), threshold=1.0, detail=f"the same bytes as {first}")
        verdict.add(found, DUPLICATE_PENALTY)
    elif verdict.near_duplicate_group not in {None, verdict.path}:
        verdict.add(issue("near_duplicate", "warn", detail=f"nearly the same as {verdict.near_duplicate_group}"), DUPLICATE_PENALTY)


def _failure(row: Mapping[str, Any], measured: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """Why a file has no values: (reason, detail), or None where it has."""
    if row["status"] != "ok":
        return row["reason"] or row["status"], row["reason"] or ""
    if measured is None:
        return "unsupported", f"no modality is called {row['modality']}"
    return None if measured["reason"] is None else (measured["reason"], measured["detail"])


def _near_groups(table: Mapping[str, dict[str, Any]], checks: Mapping[str, Check]) -> dict[str, str]:
    """Path → the first path of its group of near duplicates."""
    found = {}
    for modality, comparison in COMPARED.items():
        paths = sorted(path for path, row in table.items() if row["modality"] == modality and row["signature"] is not None and not _is_blank(row, checks))
        for group in comparison([table[path]["signature"] for path in paths]):
            found.update({paths[index]: paths[group[0]] for index in group})
    return found


def _is_blank(row: Mapping[str, Any], checks: Mapping[str, Check]) -> bool:
    """Rejected files look alike because there is nothing in them."""
    return any(
        entry["name"] in checks and checks[entry["name"]].severity == "reject" and checks[entry["name"]].fails(entry["value"], checks[entry["name"]].threshold)
        for entry in row["values"]
    )


def _inputs(catalog: pl.DataFrame, rules: overrides.Overrides) -> str:
    """A hash of everything the quality table depends on."""
    found = hashlib.sha256(f"{VERSION} {SCHEMA_VERSION}".encode())
    columns = ("path", "file_id", "modality", "media_type", "status", "reason", "extension_agrees")
    found.update(catalog.select(columns).hash_rows(seed=7).to_numpy().tobytes())
    found.update(json.dumps(versions(), sort_keys=True).encode())
    for name, check in rules.tuning.checks().items():
        found.update(f"{name}\0{check.modality}\0{check.severity}\0{check.threshold}\0{check.penalty}\0{check.habitual}\0{check.peculiar}\n".encode())
    found.update(repr((rules.accept, rules.reject, sorted(rules.tuning.thresholds.items()), sorted(rules.tuning.disabled))).encode())
    return found.hexdigest()


def _digests(report: pl.DataFrame) -> dict[str, str]:
    found = {}
    for modality in (*MODALITIES, *sorted(set(report["modality"]) - set(MODALITIES))):
        rows = report.filter(pl.col("modality") == modality).sort("path")
        found[modality] = hashlib.sha256(rows.write_json().encode()).hexdigest()[:32]
    return found


def _summary(store: Store, measured: int, seconds: float) -> QualitySummary:
    folder = store.current("quality")
    assert folder is not None
    report = read_table(folder / "quality_report", "quality_report")
    counts = Counter(report["decision"].to_list())
    names = report.select(pl.col("issues").list.eval(pl.element().struct.field("name"))).explode("issues")["issues"].drop_nulls().to_list()
    return QualitySummary(
        files=len(report),
        decisions={decision: counts[decision] for decision in DECISIONS},
        rejected_share=counts["reject"] / max(len(report), 1),
        digests=_manifest(folder)["digests"],
        seconds=seconds,
        issues=dict(Counter(names).most_common()),
        measured=measured,
        page=store.state / "quality_report" / "index.html",
        copied_share=sum(name in {"duplicate", "near_duplicate"} for name in names) / max(len(report), 1),
        worst=tuple(json.loads((folder / "worst.json").read_text(encoding="utf-8"))),
    )


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
