"""Writes a small mixed lake with known truth and planted faults."""
