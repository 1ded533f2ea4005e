"""Raw files in; one catalog row for every path out."""

from unified_assets.catalog.scanning import ScanSummary, scan

__all__ = ["ScanSummary", "scan"]
