import pytest

from unified_assets.core.credentials import tells_credentials, without_credentials
from unified_assets.core.errors import InvalidSetting


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg2://dagster:hunter2@127.0.0.1:5432/dagster", "postgresql+psycopg2://127.0.0.1:5432/dagster"),
        ("https://user@host/a?token=abc&x=1", "https://host/a?token=&x=1"),
        ("API request to http://me:p@ss@host:1/api failed, ask http://other/@page", "API request to http://host:1/api failed, ask http://other/@page"),
        ("'postgresql://u:p@h/db?sslmode=require&password=hunter2' (as given)", "'postgresql://h/db?sslmode=require&password=' (as given)"),
        ("sqlite:////lakes/me@home/mlflow.db", "sqlite:////lakes/me@home/mlflow.db"),
        ("write to me@example.org about http://host/", "write to me@example.org about http://host/"),
    ],
)
def test_addresses_are_shown_without_who_asks_and_the_password(text, shown):
    assert without_credentials(text) == shown


def test_no_error_of_ours_says_a_password():
    error = InvalidSetting(source="settings", field="ray_address", value="ray://me:hunter2@host:1", problem="no answer", fix="Start it.")
    assert str(error) == "settings: `ray_address` is 'ray://host:1': no answer. Start it."


def test_a_password_is_found_in_what_an_error_came_from():
    error = ValueError("away")
    error.__cause__ = OSError("http://me:hunter2@host/ does not answer")
    assert tells_credentials(error)
    assert not tells_credentials(ValueError("http://host/"))
