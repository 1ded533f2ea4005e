"""The `unified-assets` command: thin, launches Dagster jobs. Nothing heavy is imported before it is needed."""

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from unified_assets.cli import lake, operating, registry, training
from unified_assets.cli.roots import ROOTS, say, settings

REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}

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
        known = _known(error)
        if known is None:
            raise
        say(f"error: {known}")
        sys.exit(1)


def _known(error: Exception) -> str | None:
    """What a person can mend, in one line: the disk, or a server that is away. None for all else, which is our fault."""
    from unified_assets.core.credentials import without_credentials
    from unified_assets.store.local import not_writable

    if isinstance(error, OSError) and error.errno in REFUSED:
        return f"{error.filename or 'a file'}: {error.strerror}. What was published before is untouched. Mend permissions or space, then run again."
    chosen = settings()
    known: object = not_writable(error, chosen.state)
    if known is None and "mlflow.exceptions" in sys.modules:
        from mlflow.exceptions import MlflowException

        from unified_assets.tracking.patience import away

        if isinstance(error, MlflowException) and away(error):
            known = f"MLflow at {chosen.tracking_uri} does not answer ({' '.join(str(error).split())[:200]}). Start it, then run again."
    if known is None and "dagster" in sys.modules:
        from unified_assets.defs.instance import away as instance_away

        known = instance_away(error, chosen)
    return None if known is None else without_credentials(str(known))
