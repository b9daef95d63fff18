"""How a model shows itself when some of its members are secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msgspec import Struct


def redacted(struct: Struct, *secrets: str) -> str:
    """The usual text of a struct, without the values of ``secrets``."""
    shown = (
        f"{name}={'[redacted]' if name in secrets and value is not None else repr(value)}"
        for name in struct.__struct_fields__
        for value in (getattr(struct, name),)
    )
    return f"{type(struct).__name__}({', '.join(shown)})"
