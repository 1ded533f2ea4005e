"""The quality table in; one HTML page out, with pictures of the worst files of each issue."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from unified_assets.compute.pools import pool_of
from unified_assets.core import plugins
from unified_assets.core.contracts import Check
from unified_assets.core.settings import Settings
from unified_assets.pages import html
from unified_assets.quality.measure import Item, preview_file
from unified_assets.quality.verdicts import DESCRIPTIONS

SHOWN = 8  # worst files of an issue
PAIRS = 12  # of duplicates side by side
WORST, WORST_SIDE = 6, 96  # pictures handed out beside the page, pixels
PICTURED = ("near_duplicate", "wrong_extension", "excluded")  # issues that no check found, of files that can be shown
LOWEST = 60  # files of each modality and decision in the table that can be filtered
LISTED = 200  # rejected files named in the last table
_COMPARISONS: Mapping[object, Callable[[np.ndarray, float], np.ndarray]] = {
    float.__lt__: np.less,
    float.__le__: np.less_equal,
    float.__gt__: np.greater,
    float.__ge__: np.greater_equal,
}
TONES = {"accept": "good", "warn": "warn", "reject": "bad"}

Preview = np.ndarray | str
Case = tuple[str, str, Mapping[str, Any]]  # path, modality, issue


class Rendered(NamedTuple):
    """The page, and the worst files of the first issues: issue, path, detail and a thumbnail as a data URI."""

    page: str
    worst: list[dict[str, str]]


def render(
    settings: Settings, catalog: pl.DataFrame, report: pl.DataFrame, measures: pl.DataFrame, *, checks: Mapping[str, Check], log: Callable[[str], None]
) -> Rendered:
    """The page and its worst pictures. Decodes the few files it shows once more, in guarded workers."""
    cases = _by_issue(report)
    pairs = _pairs(report)
    pictured = previews(settings, catalog, _shown(cases, pairs))
    values = _known_values(measures)
    log(f"drew {len(pictured)} previews for the quality page")
    page = html.page(
        "Quality report",
        html.paragraph(html.tone(str(settings.raw), "quiet")),
        _overview(report),
        html.section("Issues", _issue_table(report, cases, checks)),
        *(_issue_section(name, listed, pictured, values, checks) for name, listed in cases.items()),
        html.section("Duplicates side by side", _side_by_side(pairs, pictured)) if pairs else html.Markup(""),
        html.section("Files with the lowest scores", _lowest(report)),
        html.section("Rejected files", _rejected(report)),
    )
    return Rendered(page, _worst(cases, pictured))


def _worst(cases: Mapping[str, list[Case]], previews: Mapping[str, Preview]) -> list[dict[str, str]]:
    """The worst file that can be pictured of each of the first issues."""
    found: list[dict[str, str]] = []
    for name, listed in cases.items():
        shown = next(((path, entry, preview) for path, _, entry in listed[:SHOWN] if isinstance(preview := previews.get(path), np.ndarray)), None)
        if shown is not None and len(found) < WORST:
            path, entry, preview = shown
            found.append({"issue": name, "path": path, "detail": entry["detail"], "thumbnail": html.thumbnail(preview, WORST_SIDE)})
    return found


def shown(report: pl.DataFrame) -> set[str]:
    """The paths of the files that the page shows."""
    return _shown(_by_issue(report), _pairs(report))


def _shown(cases: Mapping[str, list[Case]], pairs: Iterable[tuple[str, str]]) -> set[str]:
    return {path for listed in cases.values() for path, _, _ in listed[:SHOWN]} | {path for pair in pairs for path in pair}


def _overview(report: pl.DataFrame) -> html.Markup:
    counts = dict(report.group_by("decision").len().iter_rows())
    tiles = {"files": len(report)} | {decision: html.tone(counts.get(decision, 0), tone) for decision, tone in TONES.items()}
    per_modality = (
        report.group_by("modality")
        .agg(pl.len().alias("files"), *((pl.col("decision") == decision).sum().alias(decision) for decision in TONES), pl.col("score").mean().alias("score"))
        .sort("modality")
    )
    columns = {"modality": "Modality", "files": "Files", **{decision: decision.capitalize() for decision in TONES}, "score": "Mean score"}
    return html.section(
        "Overview",
        html.facts(tiles),
        html.table(per_modality.iter_rows(named=True), columns),
        html.histogram(report["score"].to_list(), title="Score of a file", x_label="of 100", limits=(0, 100), bins=20),
        html.paragraph("A rejected file is used for nothing, because it cannot be learned from. A warning changes nothing: it is there to be looked at."),
    )


def _by_issue(report: pl.DataFrame) -> dict[str, list[Case]]:
    """Issue → its cases, worst first; rejecting issues before warnings, frequent ones first."""
    found: dict[str, list[Case]] = defaultdict(list)
    for path, modality, issues in report.select("path", "modality", "issues").iter_rows():
        for entry in issues:
            found[entry["name"]].append((path, modality, entry))
    for listed in found.values():
        listed.sort(key=lambda case: (-_badness(case[2]), case[0]))
    return dict(sorted(found.items(), key=lambda pair: (pair[1][0][2]["severity"], -len(pair[1]), pair[0])))


def _badness(entry: Mapping[str, Any]) -> float:
    if entry["value"] is None or entry["threshold"] is None:
        return 0.0
    return float(abs(entry["value"] - entry["threshold"]))


def _issue_table(report: pl.DataFrame, cases: Mapping[str, list[Case]], checks: Mapping[str, Check]) -> html.Markup:
    if not cases:
        return html.note("No file has an issue.", "good")
    totals = dict(report.group_by("modality").len().iter_rows())
    rows = []
    for name, listed in cases.items():
        of = sum(totals[modality] for modality in {modality for _, modality, _ in listed})
        severity = listed[0][2]["severity"]
        share = f"{len(listed) / of:.1%}"
        issue = html.link(name.replace("_", " "), f"#{name.replace('_', '-')}")
        rows.append(
            {
                "issue": issue,
                "severity": html.tone(severity, TONES[severity]),
                "files": len(listed),
                "share": share,
                "what": describe(name, _check(name, listed, checks)),
            }
        )
    return html.table(rows, {"issue": "Issue", "severity": "Severity", "files": "Files", "share": "Of its kind", "what": "What it means"})


def _issue_section(
    name: str, listed: list[Case], previews: Mapping[str, Preview], values: Mapping[tuple[str, str], np.ndarray], checks: Mapping[str, Check]
) -> html.Markup:
    more = f" The worst {SHOWN} are shown." if len(listed) > SHOWN else ""
    check = _check(name, listed, checks)
    count = f"{len(listed):,} file{'s' if len(listed) != 1 else ''}."
    parts = [html.paragraph(f"{describe(name, check)} {count}{more}")]
    if check is None and name not in PICTURED:
        parts.append(html.table([{"File": path, "Detail": entry["detail"]} for path, _, entry in listed[:SHOWN]]))
    else:
        parts.append(html.gallery(_figure(path, entry, previews.get(path)) for path, _, entry in listed[:SHOWN]))
    if check is not None:
        parts.append(_spread(check, values.get((check.modality, check.name), np.zeros(0))))
    return html.section(name.replace("_", " "), *parts)


def _check(name: str, listed: list[Case], checks: Mapping[str, Check]) -> Check | None:
    """The check that found these cases; None where a decoder or a comparison did, which may use the same name."""
    found = checks.get(name)
    return found if found is not None and any(entry["value"] is not None for _, _, entry in listed) else None


def _spread(check: Check, known: np.ndarray) -> html.Markup:
    """The distribution of a check's values over all contents, without the farthest hundredth, which would flatten the rest."""
    if len(known) < SHOWN:
        return html.Markup("")
    cut = len(known) // 100
    low, high = min(float(known[cut]), check.threshold), max(float(known[-1 - cut]), check.threshold)
    compare = _COMPARISONS.get(check.fails)
    failed = int(compare(known, float(check.threshold)).sum()) if compare else sum(bool(check.fails(value, float(check.threshold))) for value in known.tolist())
    threshold = f"threshold {html.show(float(check.threshold))} {check.unit}, {failed:,} beyond it"
    title = f"{check.name.replace('_', ' ')} of {len(known):,} {check.modality} contents; {threshold}"
    return html.histogram(known, title=title, x_label=check.unit, limits=(low, high if high > low else low + 1), mark=float(check.threshold))


def _known_values(measures: pl.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """(modality, check) → the finite values measured, ascending."""
    listed = measures.select("modality", "values").explode("values").drop_nulls("values").unnest("values").filter(pl.col("value").is_finite())
    return {(modality, name): np.sort(np.array(values)) for modality, name, values in listed.group_by("modality", "name").agg("value").iter_rows()}


def describe(name: str, check: Check | None) -> str:
    """What an issue means, in a sentence."""
    return check.description if check is not None else DESCRIPTIONS.get(name, "It could not be read.")


def _figure(path: str, entry: Mapping[str, Any], preview: Preview | None) -> html.Markup:
    detail = entry["detail"] or ("" if entry["value"] is None else html.show(entry["value"]))
    return _picture(html.join((path, html.Markup("<br>"), html.tone(detail, "quiet"))), preview)


def _picture(caption: object, preview: Preview | None) -> html.Markup:
    if preview is None or isinstance(preview, str):
        return html.quote(preview or "(nothing to show)", caption)
    return html.figure(preview, caption)


def _pairs(report: pl.DataFrame) -> list[tuple[str, str]]:
    """Pairs to show side by side: near duplicates first, since exact copies look the same."""
    near = report.filter(pl.col("near_duplicate_group").is_not_null() & (pl.col("near_duplicate_group") != pl.col("path")) & pl.col("duplicate_of").is_null())
    exact = report.filter(pl.col("duplicate_of").is_not_null())
    found = [*near.select("near_duplicate_group", "path").iter_rows(), *exact.select("duplicate_of", "path").iter_rows()]
    return found[:PAIRS]


def _side_by_side(pairs: Iterable[tuple[str, str]], previews: Mapping[str, Preview]) -> html.Markup:
    return html.pairs(html.gallery(_picture(path, previews.get(path)) for path in pair) for pair in pairs)


def _rejected(report: pl.DataFrame) -> html.Markup:
    rejected = report.filter(pl.col("decision") == "reject").sort("path")
    rows = [
        {"path": path, "why": "; ".join(f"{entry['name']} ({entry['detail']})" for entry in issues if entry["severity"] == "reject")}
        for path, issues in rejected.select("path", "issues").head(LISTED).iter_rows()
    ]
    if not rows:
        return html.note("None.", "good")
    more = f"The first {LISTED} of {len(rejected):,}." if len(rejected) > LISTED else ""
    return html.join((html.paragraph(more) if more else "", html.table(rows, {"path": "File", "why": "Why"})))


def _lowest(report: pl.DataFrame) -> html.Markup:
    """The worst files of each modality and decision, to be filtered by both and by issue."""
    flawed = report.filter(pl.col("decision") != "accept").sort("score", "path").group_by("modality", "decision", maintain_order=True).head(LOWEST)
    rows = [
        {"path": path, "modality": modality, "decision": decision, "score": score, "issue": [entry["name"].replace("_", " ") for entry in issues]}
        for path, modality, decision, score, issues in flawed.select("path", "modality", "decision", "score", "issues").iter_rows()
    ]
    if not rows:
        return html.note("None.", "good")
    columns = {"path": "File", "modality": "Modality", "decision": "Decision", "score": "Score", "issue": "Issues"}
    return html.join((html.paragraph(f"At most {LOWEST} of each modality and decision."), html.filtered(rows, columns, ("modality", "decision", "issue"))))


def previews(settings: Settings, catalog: pl.DataFrame, wanted: set[str]) -> dict[str, Preview]:
    """Path → preview, of those that decode."""
    usable = catalog.filter((pl.col("status") == "ok") & pl.col("modality").is_in(list(plugins.modalities())) & pl.col("path").is_in(sorted(wanted)))
    items = [Item(*row) for row in usable.select("path", "modality", "media_type").iter_rows()]
    if not items:
        return {}
    with pool_of(settings, partial(preview_file, root=settings.raw)) as pool:
        return {items[outcome.index].path: outcome.value for outcome in pool.map(items) if outcome.reason is None}
