"""Datasets in; trained models out, in rounds, under leases, with checkpoints and exchange."""

from unified_assets.training.logs import merge_logs

__all__ = ["merge_logs"]
