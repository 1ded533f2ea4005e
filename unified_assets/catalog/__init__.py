"""Raw files in; one catalog row for every path out."""

from unified_assets.catalog.counting import count_paths
from unified_assets.catalog.fetching import fetch, listing
from unified_assets.catalog.scanning import ScanSummary, scan

__all__ = ["ScanSummary", "count_paths", "fetch", "listing", "scan"]
