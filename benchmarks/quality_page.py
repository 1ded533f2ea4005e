"""How large the quality page of many files is, and how long it takes to make.

    python benchmarks/quality_page.py [--files 100000] [--keep PAGE]

The quality table is made up: a fifth of the files has issues, every check finds some, one in twenty is a copy or nearly one.
Files that the page shows are there, small ones: pictures, sounds and texts.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from quality import picture, prose, sound

from unified_assets.core import plugins
from unified_assets.core.settings import Settings
from unified_assets.core.tables import CATALOG, QUALITY_REPORT
from unified_assets.quality import report
from unified_assets.quality.measurements import MEASURED

KINDS = {"image": ("png", "image/png"), "audio": ("wav", "audio/wav"), "text": ("txt", "text/plain")}


def main() -> None:
    """Print the seconds and the bytes, and keep the page where asked."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--files", type=int, default=100_000)
    ask.add_argument("--keep", type=Path)
    args = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(raw=Path(folder) / "raw", state=Path(folder) / "state", workers=1)
        catalog, table, measures = tables(args.files)
        write_shown(settings.raw, table)
        begun, cpu = time.monotonic(), time.process_time()
        page = report.render(settings, catalog, table, measures, checks=plugins.discover("checks"), log=print).page
        seconds, cpu_s = time.monotonic() - begun, time.process_time() - cpu
    print(f"{args.files:,} files: {len(page.encode()) / 1e6:.2f} MB, {seconds:.1f} s, of which {cpu_s:.1f} CPU s outside the workers")
    if args.keep:
        args.keep.write_text(page, encoding="utf-8")


def tables(count: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A catalog, a quality table and what was measured."""
    rng = np.random.default_rng(1)
    checks = {kind: plugins.checks(kind) for kind in KINDS}
    rows, values = [], []
    for index in range(count):
        kind = list(KINDS)[index % 3]
        path = f"lake/{kind}/part-{index % 97:02d}/{index:06d}.{KINDS[kind][0]}"
        measured = [(check, float(check.threshold) * float(rng.lognormal(0, 1))) for check in checks[kind]]
        values.append((path, kind, measured))
        issues, copied, near = [], None, None
        if rng.random() < 0.2:
            check, value = measured[int(rng.integers(len(measured)))]
            issues.append({"name": check.name, "severity": check.severity, "value": value, "threshold": float(check.threshold), "detail": "made up"})
        if index >= 300 and rng.random() < 0.05:
            other = rows[index - 3 * int(rng.integers(1, 90))]["path"]
            copied, near = (other, None) if rng.random() < 0.5 else (None, other)
            name = "duplicate" if copied else "near_duplicate"
            issues.append({"name": name, "severity": "warn", "value": None, "threshold": None, "detail": f"as {other}"})
        rejected = any(issue["severity"] == "reject" for issue in issues)
        rows.append(
            {
                "path": path,
                "file_id": f"{index:032x}",
                "modality": kind,
                "score": 0.0 if rejected else 100.0 - 15 * len(issues),
                "decision": "reject" if rejected else "warn" if issues else "accept",
                "issues": issues,
                "duplicate_of": copied,
                "near_duplicate_group": near,
            }
        )
    listed = [
        {
            "path": path,
            "file_id": "0",
            "modality": kind,
            "media_type": KINDS[kind][1],
            "version": "1",
            "attempts": 1,
            "values": [{"name": check.name, "value": value, "detail": ""} for check, value in measured],
        }
        for path, kind, measured in values
    ]
    known = [{"path": row["path"], "modality": row["modality"], "media_type": KINDS[row["modality"]][1], "status": "ok"} for row in rows]
    schema = {name: dtype for name, dtype in CATALOG.items() if name in {"path", "modality", "media_type", "status"}}
    return pl.DataFrame(known, schema=schema), pl.DataFrame(rows, schema=QUALITY_REPORT), pl.DataFrame(listed, schema=MEASURED)


def write_shown(raw: Path, table: pl.DataFrame) -> None:
    """The files that the page will show."""
    made = {"image": lambda seed: picture(seed, 200), "audio": sound, "text": lambda seed: prose(seed, 800).encode()}
    for number, path in enumerate(sorted(report.shown(table))):
        target = raw / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(made[path.split("/")[1]](number))


if __name__ == "__main__":
    main()
