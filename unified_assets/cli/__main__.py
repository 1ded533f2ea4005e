"""`python -m unified_assets.cli`."""

from unified_assets.cli import main

if __name__ == "__main__":
    main()
