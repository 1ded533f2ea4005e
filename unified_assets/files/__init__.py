"""Hostile files opened safely, told by content, decoded through their modality."""
