"""How a call crosses into the core: its arguments, body and options as bytes, and an answer or an exception back.

It is loaded with the first client, not with the package.

What is sent may be secret, and crash reporters send the variables of every frame that an exception passes. So no
function here or above it has a variable left that holds what is sent, once it has raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from . import _errors, _log
from ._errors import RequestError
from ._native import Failure, Reply, Session
from ._not_given import NOT_GIVEN
from ._options import call_options

Crossing = tuple[int, bytes, "str | None", "bytes | None", "bytes | None"]

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Call:
    """A call as it crosses. It shows nothing of itself, and cannot be kept."""

    __slots__ = ("_arguments", "_body", "_media_type", "_operation", "_options")

    def __init__(self, operation: int, arguments: Any, body: Any, media_type: str | None, options: Any) -> None:
        self._operation = operation
        try:
            self._arguments = _arguments(arguments)
            self._media_type = media_type
            self._body = _body(body, media_type)
            self._options = _json(options) if options else None
        finally:
            del arguments, body, options

    def crossing(self) -> Crossing:
        """What a session takes of it."""
        return self._operation, self._arguments, self._media_type, self._body, self._options

    def next_page(self, session: Session, reply: Reply) -> Call | None:
        """The call for the page after ``reply``, which this one was answered with; ``None`` if that was the last."""
        arguments = session.next_page(self._operation, self._arguments, reply)
        if isinstance(arguments, Failure):
            raise _errors.of(arguments)
        if arguments is None:
            return None
        call = Call.__new__(Call)
        call._operation, call._arguments, call._options = self._operation, arguments, self._options
        call._media_type, call._body = self._media_type, self._body
        return call

    def __reduce__(self) -> str:
        raise TypeError("a call cannot be pickled: what it sends may be secret")

    def __repr__(self) -> str:
        return f"<Call of operation {self._operation}>"


def prepared(
    operation: int,
    arguments: Mapping[str, Any],
    body: Any,
    media_type: str | None,
    options: dict[str, Any],
    defaults: Mapping[str, Any],
) -> Call:
    """A call of what a method was given. Takes ``options`` over: the method is left with an empty dictionary."""
    try:
        given = {name: value for name, value in arguments.items() if value is not NOT_GIVEN}
        merged = call_options(options, defaults)
        return Call(operation, given, body, media_type, merged)
    finally:
        options.clear()
        arguments = body = given = merged = None  # type: ignore[assignment]


def call(session: Session, made: Call) -> Reply:
    """Makes a call and waits for it on this thread."""
    return answered(session.call(*made.crossing()))


def answered(outcome: Reply | Failure) -> Reply:
    """The reply, or the exception of the failure."""
    _log.outcome(outcome)
    if isinstance(outcome, Reply):
        return outcome
    raise _errors.of(outcome)


def _arguments(arguments: dict[str, Any]) -> bytes:
    try:
        return _json(arguments) if arguments else b""
    finally:
        del arguments


def _body(body: Any, media_type: str | None) -> bytes | None:
    """The body: JSON without a media type, which the core writes as the operation asks; else bytes or text as it is."""
    try:
        if body is NOT_GIVEN:
            return None
        if media_type is not None:
            return body.encode() if isinstance(body, str) else _bytes(body, media_type)
        if type(body) is dict:
            return _json({name: value for name, value in body.items() if value is not NOT_GIVEN})
        return _json(body)
    finally:
        del body


def _bytes(body: Any, media_type: str) -> bytes:
    try:
        if isinstance(body, (bytes, bytearray, memoryview)):
            return bytes(body)
        read = getattr(body, "read", None)
        content = read() if read is not None else body
        if isinstance(content, bytes):
            return content
        got = type(body).__name__
        raise RequestError(f"the body is {media_type}: give bytes, text or a binary file, not {got}")
    finally:
        body = content = None


def _json(value: Any) -> bytes:
    """``value`` as JSON; an error names the member that cannot be written, without its value."""
    problem = None
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        problem = _unfit(value, error)
    finally:
        del value
    raise problem


def _unfit(value: Any, error: Exception) -> RequestError:
    for name, member in value.items() if isinstance(value, Mapping) else ():
        try:
            _encode(member)
        except (TypeError, ValueError, OverflowError) as cause:
            return RequestError(f"argument {name!r} cannot be written as JSON: {cause}")
    return RequestError(f"the body cannot be written as JSON: {error}")
