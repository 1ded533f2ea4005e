import pytest

from unified_assets.core.settings import Settings
from unified_assets.defs.instance import InstanceAway, open_instance, prepare_home


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("storage:\n  custom: {module: not_there, class: Storage, config: {}}\n", "not_there"),
        ("run_monitorink:\n  enabled: true\n", "run_monitorink"),
        ("storage: [\n", "while parsing"),
        ("storage:\n  postgres:\n    postgres_db: {hostname: h, username: u, password: {env: NOT_SET_AT_ALL}, db_name: d}\n", ""),
    ],
)
def test_an_instance_whose_file_is_wrong_is_told_in_a_line_that_names_the_file(tmp_path, monkeypatch, added, said):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = Settings(raw=tmp_path / "raw", state=tmp_path / "state")
    file = prepare_home(settings) / "dagster.yaml"
    file.write_text(added, encoding="utf-8")
    with pytest.raises(InstanceAway) as told:
        open_instance(settings)
    assert str(told.value).startswith(f"Dagster's database, as {file} names it, cannot be used (")
    assert said in str(told.value)
    assert "\n" not in str(told.value)
