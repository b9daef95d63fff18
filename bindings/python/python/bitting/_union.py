"""Unions that msgspec cannot decode by itself: objects that a member tells apart, or nothing does.

A union stays open. A tag that the document does not know reads as :class:`UnknownVariant`, so a newer server does not
break an older client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class UnknownVariant:
    """A value of a union that none of the known variants fits."""

    __slots__ = ("tag", "value")

    def __init__(self, tag: str | None, value: Any) -> None:
        self.tag = tag
        """What the telling member says; ``None`` where the union has none or the value lacks it."""
        self.value = value
        """The value as plain JSON."""

    def __repr__(self) -> str:
        return f"UnknownVariant(tag={self.tag!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnknownVariant) and (self.tag, self.value) == (other.tag, other.value)

    __hash__ = None  # type: ignore[assignment]


class _Union(type):
    """The type of a union. Its values are of the variants' types, so msgspec's check of the result always holds."""

    variants: tuple[Any, ...]
    tag: str | None
    mapping: Mapping[str, Any]

    def __instancecheck__(cls, instance: object) -> bool:
        return True


def one_of(name: str, *variants: Any, tag: str | None = None, mapping: Mapping[str, Any] | None = None) -> Any:
    """A union for msgspec. With ``tag`` the member of that name chooses by ``mapping``; otherwise, of the variants that
    fit, the one that knows most of the value's members is taken.
    """
    return _Union(name, (), {"variants": variants, "tag": tag, "mapping": mapping or {}})


def decode_hook(kind: Any, value: Any) -> Any:
    """What msgspec asks for types that it does not know."""
    if not isinstance(kind, _Union):
        raise NotImplementedError(f"{kind!r} cannot be decoded")
    if kind.tag is None:
        return _best_fit(kind, value)
    tag = value.get(kind.tag) if isinstance(value, dict) else None
    variant = kind.mapping.get(tag) if isinstance(tag, str) else None
    if variant is None:
        return UnknownVariant(tag if isinstance(tag, str) else None, value)
    return _converted(value, variant)


def _best_fit(kind: _Union, value: Any) -> Any:
    import msgspec

    best, known = UnknownVariant(None, value), -1
    for variant in kind.variants:
        try:
            fitting = _converted(value, variant)
        except msgspec.ValidationError:
            continue
        if not isinstance(value, dict):
            return fitting
        members = getattr(fitting, "__struct_encode_fields__", ())
        count = sum(1 for member in members if member in value)
        if count > known:
            best, known = fitting, count
        if count == len(value):
            break
    return best


def _converted(value: Any, kind: Any) -> Any:
    import msgspec

    return msgspec.convert(value, kind, dec_hook=decode_hook)
