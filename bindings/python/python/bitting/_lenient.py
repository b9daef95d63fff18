"""Reads an answer that does not fit its type as far as it goes: what fits is typed, what does not stays plain JSON."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from ._union import decode_hook


def convert(value: Any, kind: Any) -> Any:
    """``value`` as ``kind``; inside it, only what does not fit stays as it came. A missing member is ``None``."""
    try:
        return msgspec.convert(value, kind, dec_hook=decode_hook)
    except msgspec.ValidationError:
        pass
    if isinstance(value, dict):
        return _object(value, kind)
    if isinstance(value, list):
        items = next((get_args(part)[0] for part in _parts(kind) if get_origin(part) is list), Any)
        return [convert(item, items) for item in value]
    return value


def _object(value: dict[str, Any], kind: Any) -> Any:
    for part in _parts(kind):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return _struct(value, part)
        if get_origin(part) is dict:
            return {name: convert(item, get_args(part)[1]) for name, item in value.items()}
    return value


def _struct(value: dict[str, Any], kind: type[msgspec.Struct]) -> msgspec.Struct:
    members: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in value:
            members[field.name] = convert(value[field.encode_name], field.type)
        elif field.required:
            members[field.name] = None
    return kind(**members)


def _parts(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
