"""One folder of mixed raw files in; seven trained, measured, registered models out."""

__version__ = "0.1.0"
