"""The vocabulary: errors, settings, table schemas, contracts and plug-in discovery. Imports nothing of ours."""
