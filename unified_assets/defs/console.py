"""What a person at a terminal reads of a run: one short line a message. The rest is on the run's page."""

import logging
import sys
import time

import dagster as dg

WAITING = "waiting: "


class _Short(logging.Formatter):
    """`21:07:29 model__vision_service  round 2 of 4 …`."""

    def format(self, record: logging.LogRecord) -> str:
        """The step and the message itself; a failure keeps its traceback."""
        about = getattr(record, "dagster_meta", {})
        message = about.get("orig_message") or record.getMessage()
        event = about.get("dagster_event")
        error = getattr(getattr(event, "event_specific_data", None), "error", None)
        trace = f"\n{error.to_string()}" if error is not None else ""
        return f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {about.get('step_key') or about.get('job_name') or ''}  {message}{trace}"


class _Telling(logging.Filter):
    """Leaves out what is only of use while it lasts: a step that waits for its turn is shown on the run's page."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown."""
        message = getattr(record, "dagster_meta", {}).get("orig_message") or ""
        return record.levelno >= logging.INFO and not message.startswith(WAITING)


def _build(_: dg.InitLoggerContext) -> logging.Logger:
    """A logger to standard error."""
    logger = logging.Logger("unified_assets", level=logging.INFO)  # noqa: LOG001 - one a step; a shared one would gather handlers
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Short())
    handler.addFilter(_Telling())
    logger.addHandler(handler)
    return logger


terminal_logger = dg.LoggerDefinition(logger_fn=_build, description="Short lines for a terminal.")
