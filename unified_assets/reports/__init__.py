"""What came of a training run: its files in, one self-contained page out; and the same figures on a terminal."""

from unified_assets.reports.collect import find_run
from unified_assets.reports.write import write_report

__all__ = ["find_run", "write_report"]
