"""What all commands share: the roots given before the command's name, and how they speak."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from unified_assets.core.settings import Settings

ROOTS: dict[str, Path | None] = {"raw": None, "state": None}
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def settings() -> "Settings":
    """The settings in force. Raises StateIsNewer for a state folder that another version of this program owns."""
    from unified_assets.core.settings import Settings
    from unified_assets.defs.first_run import refuse_newer

    given = {name: value for name, value in ROOTS.items() if value is not None}
    found = Settings().model_copy(update=given).absolute()
    refuse_newer(found.state)
    return found


def settings_of_state() -> "Settings":
    """The same, with the raw root the state remembers where the default one is still empty."""
    from unified_assets.defs.first_run import of_state

    return of_state(settings())


def say(message: str) -> None:
    """A line for people: to standard error, which programs do not read."""
    typer.echo(message, err=True)


def put(value: Any) -> None:
    """A value for programs, as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))
