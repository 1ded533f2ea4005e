"""Datasets in; trained models out, in rounds, under leases, with checkpoints and exchange."""
