"""The mark of an argument that was not given, which is not the same as ``None``: that is sent as ``null``."""

from __future__ import annotations

from typing import Final, Literal


class NotGiven:
    """The type of :data:`NOT_GIVEN`."""

    __slots__ = ()

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __reduce__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven()
"""An optional argument's default: it is left out of the request."""
