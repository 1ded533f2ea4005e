"""Catalog rows in; a score, named issues and a decision for each out."""
