"""The logger of the package, ``bitting``; ``logging`` is loaded with the first message.

Each call is a line at level info: method, path template, status, requests and waits. Arguments, headers and bodies are
never logged. ``<PREFIX>_LOG``, as in ``ROBOTICKS_LOG=info``, switches it on where the program itself configures none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from ._native import Failure, Reply

LEVELS = ("debug", "info", "warning", "error")


def logger() -> logging.Logger:
    """The logger."""
    import logging

    return logging.getLogger("bitting")


def follow(level: str) -> None:
    """Sets the level that the environment asks for, and a handler where the program has none."""
    import logging

    found = logger()
    if level.lower() not in LEVELS:
        found.warning("the variable for the log level is %r; give one of: %s", level, ", ".join(LEVELS))
        return
    found.setLevel(level.upper())
    if not found.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        found.addHandler(handler)


def outcome(ended: Reply | Failure) -> None:
    """Logs how a call ended."""
    # Who has not loaded `logging` cannot have asked for messages.
    if "logging" not in sys.modules:
        return
    import logging

    found = logger()
    if not found.isEnabledFor(logging.INFO):
        return
    message = getattr(ended, "message", None)
    if message is not None:
        # It says itself which call it is about.
        found.info("%s (%s requests)", message, ended.attempts)
        return
    waited, refreshed = getattr(ended, "waited", 0.0), getattr(ended, "refreshed", False)
    more = f", waited {waited:.1f} s" if waited >= 0.1 else ""
    more += ", with a renewed token" if refreshed else ""
    found.info("%s %s answered %s after %s requests%s", ended.method, ended.path, ended.status, ended.attempts, more)
