"""How a call crosses into the core: its arguments, body and options as bytes, and an answer or an exception back.

It is loaded with the first client, not with the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from . import _errors
from ._errors import RequestError
from ._native import Failure, Reply, Session
from ._not_given import NOT_GIVEN

Encoded = tuple[bytes, str | None, bytes | None, bytes | None]

_encode = msgspec.json.Encoder(decimal_format="number").encode


def call(
    session: Session,
    operation: int,
    arguments: Mapping[str, Any],
    body: Any,
    media_type: str | None,
    options: Mapping[str, Any] | None,
) -> Reply:
    """Makes a call and waits for it on this thread."""
    return answered(session.call(operation, *encoded(arguments, body, media_type, options)))


def answered(outcome: Reply | Failure) -> Reply:
    """The reply, or the exception of the failure."""
    if isinstance(outcome, Reply):
        return outcome
    raise _errors.of(outcome)


def encoded(
    arguments: Mapping[str, Any], body: Any, media_type: str | None, options: Mapping[str, Any] | None
) -> Encoded:
    """What a session takes of a call behind the operation."""
    return arguments_of(arguments), media_type, body_of(body, media_type), options_of(options)


def arguments_of(arguments: Mapping[str, Any]) -> bytes:
    """The arguments as a JSON object."""
    if not arguments:
        return b""
    try:
        return _encode(arguments)
    except (TypeError, ValueError, OverflowError) as error:
        raise _unfit(arguments, error) from None


def body_of(body: Any, media_type: str | None) -> bytes | None:
    """The body: JSON without a media type, which the core writes as the operation asks; else bytes or text as it is."""
    if body is NOT_GIVEN:
        return None
    if media_type is not None:
        return body.encode() if isinstance(body, str) else _bytes(body, media_type)
    members = {name: value for name, value in body.items() if value is not NOT_GIVEN} if type(body) is dict else body
    try:
        return _encode(members)
    except (TypeError, ValueError, OverflowError) as error:
        raise _unfit(members if isinstance(members, dict) else {"body": members}, error) from None


def options_of(options: Mapping[str, Any] | None) -> bytes | None:
    """The options as a JSON object."""
    if not options:
        return None
    try:
        return _encode(options)
    except (TypeError, ValueError, OverflowError) as error:
        raise _unfit(options, error) from None


def _bytes(body: Any, media_type: str) -> bytes:
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    read = getattr(body, "read", None)
    content = read() if read is not None else body
    if isinstance(content, bytes):
        return content
    raise RequestError(f"the body is {media_type}: give bytes, text or a binary file, not {type(body).__name__}")


def _unfit(values: Mapping[str, Any], error: Exception) -> RequestError:
    """Names the argument that cannot be written; its value may be a secret and stays out."""
    for name, value in values.items():
        try:
            _encode(value)
        except (TypeError, ValueError, OverflowError) as cause:
            return RequestError(f"argument {name!r} cannot be written as JSON: {cause}")
    return RequestError(f"the arguments cannot be written as JSON: {error}")
