"""Catalog rows, verdicts and labels in; tasks, examples, splits and the ledger of file × model out."""
