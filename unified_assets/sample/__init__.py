"""Writes a small mixed lake with known truth and planted faults."""

from unified_assets.sample.writer import DEFAULT, SampleSummary, Sizes, write

__all__ = ["DEFAULT", "SampleSummary", "Sizes", "write"]
