"""What assessment and allocation found in; metadata of quality_report and allocation, and the checks of quality_report, out."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:  # loading the definitions must not load what assessing needs
    from unified_assets.allocation.label_issues import LabelIssues
    from unified_assets.quality import QualitySummary

REJECTED_SHARE_LIMIT = 0.2
WARNED_SHARE_LIMIT = 0.3
COPIED_SHARE_LIMIT = 0.2
CHECKS = {
    "every_row_is_judged": "One verdict for each catalog row.",
    "rejected_share": f"At most {REJECTED_SHARE_LIMIT:.0%} of the files are rejected.",
    "warned_share": f"At most {WARNED_SHARE_LIMIT:.0%} of the files have a warning.",
    "copied_share": f"At most {COPIED_SHARE_LIMIT:.0%} of the files are copies of others, exactly or nearly.",
}


def check_specs() -> list[dg.AssetCheckSpec]:
    """What is checked of quality_report."""
    return [dg.AssetCheckSpec(name, asset="quality_report", description=text) for name, text in CHECKS.items()]


def metadata(summary: "QualitySummary") -> dict[str, Any]:
    """Counts, a table of issues, thumbnails of the worst files and the page."""
    issues = [dg.TableRecord({"issue": name, "files": files, "share": files / max(summary.files, 1)}) for name, files in summary.issues.items()]
    return {
        "files": summary.files,
        "rejected_share": summary.rejected_share,
        "copied_share": summary.copied_share,
        "decisions": dict(summary.decisions),
        "issues": dg.MetadataValue.table(issues) if issues else dg.MetadataValue.text("no file has an issue"),
        "worst": dg.MetadataValue.md("\n\n".join(map(_picture, summary.worst)) or "nothing to show"),
        "page": dg.MetadataValue.path(summary.page),
        "seconds": summary.seconds,
    }


def label_metadata(found: "LabelIssues") -> dict[str, Any]:
    """Contradictory labels and rare classes as tables, and thumbnails of the contradictory files."""
    tables = {"contradictory_labels": found.shown, "rare_classes": found.imbalance}
    return {
        "contradictions": dict(found.contradictions),
        **{name: dg.MetadataValue.table(list(map(dg.TableRecord, rows))) if rows else dg.MetadataValue.text("none") for name, rows in tables.items()},
        "contradictory_files": dg.MetadataValue.md("\n\n".join(map(_picture, found.pictures)) or "nothing to show"),
    }


def check_results(summary: "QualitySummary", *, rows: int, files: int) -> Iterator[dg.AssetCheckResult]:
    """One result for each of CHECKS. rows: verdicts; files: rows of the catalog."""
    yield dg.AssetCheckResult(check_name="every_row_is_judged", passed=rows == files, metadata={"verdicts": rows, "catalog_rows": files})
    shares = {
        "rejected_share": (summary.rejected_share, REJECTED_SHARE_LIMIT),
        "warned_share": (summary.decisions["warn"] / max(summary.files, 1), WARNED_SHARE_LIMIT),
        "copied_share": (summary.copied_share, COPIED_SHARE_LIMIT),
    }
    for name, (share, limit) in shares.items():
        yield dg.AssetCheckResult(check_name=name, passed=share <= limit, severity=dg.AssetCheckSeverity.WARN, metadata={name: share, "limit": limit})


def _picture(worst: Mapping[str, str]) -> str:
    """Markdown of a thumbnail under its issue. Names of files are text, whatever they look like."""
    words = escape(f"{worst['path']}: {worst['detail']}".replace("`", "'").replace("\n", " "))
    return f"**{worst['issue'].replace('_', ' ')}** `{words}`\n\n![{worst['issue']}]({worst['thumbnail']})"
