"""Examples of one model in, frozen memory-mapped tensors out, and back in as TaskData."""

from unified_assets.datasets.build import DatasetSummary, build
from unified_assets.datasets.load import Dataset, TaskCounts, load, read_counts, read_digest

__all__ = ["Dataset", "DatasetSummary", "TaskCounts", "build", "load", "read_counts", "read_digest"]
