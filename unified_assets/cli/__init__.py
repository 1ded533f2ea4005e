"""The `unified-assets` command: thin, launches Dagster jobs. Nothing heavy is imported before it is needed."""

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from unified_assets.cli import lake, operating, registry, training
from unified_assets.cli.roots import ROOTS, say, settings

REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}  # what a person can mend; all else is our fault

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One folder of mixed raw files in; seven trained, measured, registered models out.",
)


@app.callback()
def _globals(
    raw: Annotated[Path | None, typer.Option("--raw", help="Root of the raw files (default: data/raw, or UNIFIED_ASSETS_RAW).")] = None,
    state: Annotated[Path | None, typer.Option("--state", help="Everything generated from them (default: data/state, or UNIFIED_ASSETS_STATE).")] = None,
) -> None:
    ROOTS.update(raw=raw, state=state)


for _panel, _commands in (
    ("The whole road", (training.run, training.train, training.watch, training.status, training.runs, training.report, training.presets)),
    ("Files", (lake.sample, lake.refresh, lake.scan, lake.quality, lake.ledger, lake.explain)),
    ("Models", (registry.models, registry.predict, registry.compare, registry.promote, registry.rollback, registry.prune, registry.export)),
    ("Operation", (operating.ui, operating.pause, operating.unpause, operating.doctor, operating.push, operating.pull)),
):
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)


def main() -> None:
    """Run the command. Errors raised on purpose become one line and an exit code: 1 failed, 2 wrong usage."""
    from unified_assets.core.errors import UnifiedAssetsError

    try:
        app()
    except UnifiedAssetsError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:  # whoever read our output has gone
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from unified_assets.store.local import not_writable

        if isinstance(error, OSError) and error.errno in REFUSED:
            say(f"error: {error.filename or 'a file'}: {error.strerror}. What was published before is untouched. Mend permissions or space, then run again.")
        elif (known := not_writable(error, settings().state)) is not None:
            say(f"error: {known}")
        else:
            raise
        sys.exit(1)
