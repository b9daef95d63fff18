"""The logger of the package, ``bitting``; ``logging`` is loaded with the first message."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging


def logger() -> logging.Logger:
    """The logger."""
    import logging

    return logging.getLogger("bitting")
