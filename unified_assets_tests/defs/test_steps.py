import json

import dagster as dg
import pytest

from unified_assets.core.settings import Settings
from unified_assets.defs.resources import LakeResource, resources
from unified_assets.defs.steps import step


def raised(tmp_path, error):
    """What Dagster keeps of a step that raised this, and what our own record says."""

    @dg.asset(name="planted")
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> None:
        with step(context, lake):
            raise error

    lake = LakeResource(raw=str(tmp_path / "raw"), state=str(tmp_path / "state"))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([asset], resources={"lake": lake}, instance=instance, raise_on_error=False, tags={"unified_assets/training": "true"})
        kept = [repr(record.event_log_entry) for record in instance.get_records_for_run(result.run_id).records]
        (failure,) = [event for event in result.all_events if event.is_step_failure]
    recorded = [path.read_text(encoding="utf-8") for path in (tmp_path / "state").rglob("*.json*")]
    return failure.step_failure_data.user_failure_data.description, "".join(kept + recorded)


def test_whatever_a_plug_in_raises_is_told_with_its_kind_and_kept_with_its_cause(tmp_path):
    words, kept = raised(tmp_path, TypeError("build() takes no blueprint"))
    assert words == "TypeError: build() takes no blueprint"
    assert "test_steps.py" in kept


@pytest.mark.parametrize("hidden", [False, True])
def test_a_password_in_an_address_is_kept_nowhere(tmp_path, hidden):
    error = ConnectionError("http://me:hunter2@host:5000/api does not answer")
    if hidden:
        outer = ValueError("MLflow is away")
        outer.__cause__ = error
        error = outer
    words, kept = raised(tmp_path, error)
    assert words == ("ValueError: MLflow is away" if hidden else "ConnectionError: http://host:5000/api does not answer")
    assert "hunter2" not in kept


def test_the_ui_shows_the_name_of_the_variable_in_place_of_an_address_with_a_password(tmp_path):
    for uri, shown in (
        ("http://me:hunter2@host:5000", {"env": "UNIFIED_ASSETS_MLFLOW_TRACKING_URI"}),
        ("http://host:5000", "http://host:5000"),
    ):
        found = resources(Settings(raw=tmp_path, state=tmp_path, mlflow_tracking_uri=uri))["mlflow"]
        assert found._config_schema.default_value["tracking_uri"] == shown
        assert "hunter2" not in json.dumps(found._config_schema.default_value)
