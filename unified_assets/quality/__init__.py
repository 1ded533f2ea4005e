"""Catalog rows in; a score, named issues and a decision for each out."""

from unified_assets.quality.assess import QualitySummary, assess

__all__ = ["QualitySummary", "assess"]
