"""The named ways to train, as YAML beside this file."""
