"""Structured text in; flat records and the roles of their fields out."""
