from pathlib import Path

import pytest
from pydantic import ValidationError

from unified_assets.core.settings import Settings


def test_the_defaults_lie_under_data(monkeypatch):
    monkeypatch.delenv("UNIFIED_ASSETS_RAW", raising=False)
    monkeypatch.delenv("UNIFIED_ASSETS_STATE", raising=False)
    assert (Settings().raw, Settings().state) == (Path("data/raw"), Path("data/state"))


def test_the_environment_names_the_roots(monkeypatch, tmp_path):
    monkeypatch.setenv("UNIFIED_ASSETS_RAW", str(tmp_path / "r"))
    monkeypatch.setenv("UNIFIED_ASSETS_STATE", str(tmp_path / "s"))
    settings = Settings()
    assert settings.raw == tmp_path / "r"
    assert settings.tracking_uri == f"sqlite:///{tmp_path}/s/mlflow/mlflow.db"
    assert settings.dagster_home == tmp_path / "s" / "dagster"


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Settings(workers=0)


def test_zero_is_a_value_and_not_a_missing_one():
    assert Settings(disk_floor_gib=0).disk_floor_gib == 0
