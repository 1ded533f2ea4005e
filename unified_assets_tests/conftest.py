"""What every test shares: the optional folder of real files, and one sample lake for the session."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpus() -> Path:
    """A folder of real public files, named by UNIFIED_ASSETS_CORPUS or beside the project; tests skip where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "corpus"
    folder = Path(os.environ.get("UNIFIED_ASSETS_CORPUS", beside))
    if not folder.is_dir():
        pytest.skip(f"no folder of real files at {folder} (set UNIFIED_ASSETS_CORPUS)")
    return folder


@pytest.fixture(scope="session")
def sample_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample lake as `unified-assets sample` writes it; its truth lies in `<lake>.truth`."""
    from unified_assets import sample

    folder = tmp_path_factory.mktemp("lake") / "sample"
    sample.write(folder)
    return folder
