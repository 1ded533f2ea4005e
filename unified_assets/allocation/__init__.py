"""Catalog rows and verdicts in; tasks, examples, sides and the ledger of file × model out."""

from unified_assets.allocation.explaining import UnknownPath, explain
from unified_assets.allocation.stage import AllocationSummary, allocate

__all__ = ["AllocationSummary", "UnknownPath", "allocate", "explain"]
