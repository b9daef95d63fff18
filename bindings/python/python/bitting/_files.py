"""Files in a form (`multipart/form-data`): from a path, bytes, or an open file; with a name and a media type of their own."""

from __future__ import annotations

import os
from typing import IO, Any

Content = bytes | bytearray | memoryview | IO[bytes] | os.PathLike[str]


class File:
    """A file that is sent. Without ``name`` it is called as the path or the open file is, or as its field."""

    __slots__ = ("content", "media_type", "name")

    def __init__(self, content: Content, *, name: str | None = None, media_type: str | None = None) -> None:
        self.content = content
        self.name = name
        self.media_type = media_type

    def __repr__(self) -> str:
        return f"File(name={self.name!r}, media_type={self.media_type!r})"


Upload = Content | File
"""What may be given for a file."""
Part = tuple[str, str | None, str | None, bytes]


def split(form: dict[str, Any]) -> tuple[dict[str, Any], list[Part]]:
    """The fields of a form that are text, and its files."""
    fields: dict[str, Any] = {}
    files: list[Part] = []
    for name, value in form.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        found = [item for item in items if _is_file(item)]
        if not found:
            fields[name] = value
        elif len(found) == len(items):
            files += [_part(name, item) for item in found]
        else:
            from ._errors import RequestError

            raise RequestError(f"the field {name!r} mixes files with other values; give one or the other")
    return fields, files


def _is_file(value: Any) -> bool:
    is_content = isinstance(value, (File, bytes, bytearray, memoryview, os.PathLike))
    return is_content or hasattr(value, "read")


def _part(field: str, value: Any) -> Part:
    from mimetypes import guess_type

    from ._errors import RequestError

    file = value if isinstance(value, File) else File(value)
    content: Any = file.content
    named = content if isinstance(content, os.PathLike) else getattr(content, "name", None)
    known = os.path.basename(os.fspath(named)) if isinstance(named, (str, os.PathLike)) else None
    name = file.name or known or field
    if isinstance(content, os.PathLike):
        with open(content, "rb") as opened:
            content = opened.read()
    elif hasattr(content, "read"):
        content = content.read()
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise RequestError(f"the file of the field {field!r} was opened as text; open it in binary mode")
    media_type = file.media_type or guess_type(name)[0] or "application/octet-stream"
    return field, name, media_type, bytes(content)
