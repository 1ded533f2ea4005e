"""One folder of mixed raw files in; seven trained, measured, registered models out."""

import os

__version__ = "0.1.0"

# Read by MKL at its first product of matrices: without it the last bits depend on where in memory the matrices lie, and so on what a process did before.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
