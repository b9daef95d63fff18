"""From the bytes of an answer to what a method returns. msgspec is loaded with the first answer, and a decoder is made
once per type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import msgspec

    from ._native import Reply

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Answer(Protocol[T_co]):
    """What a method answers."""

    def read(self, reply: Reply, is_strict: bool) -> T_co:
        """The answer's value. ``is_strict``: one that does not fit its type is an error."""
        ...


_WITHOUT_BODY = (204, 205, 304)


class Json(Generic[T]):
    """JSON of a type. ``may_be_empty``: the document also knows an answer without a body, which reads as ``None``."""

    __slots__ = ("_decoder", "_kind", "_may_be_empty")

    def __init__(self, kind: Any, *, may_be_empty: bool = False) -> None:
        self._kind = kind
        self._may_be_empty = may_be_empty
        self._decoder: msgspec.json.Decoder[T] | None = None

    def read(self, reply: Reply, is_strict: bool) -> T:
        """The value. A body that is no JSON at all is an error in either mode."""
        import msgspec

        body = reply.body
        try:
            if not body and (self._may_be_empty or not is_strict and reply.status in _WITHOUT_BODY):
                self._tell_missing(reply)
                return None  # type: ignore[return-value]
            return (self._decoder or self._made()).decode(body)
        except msgspec.ValidationError as error:
            if not is_strict:
                return self._as_far_as_it_goes(reply, body, error)
            problem = _invalid(reply, body, error)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = _invalid(reply, body, error)
        finally:
            # See _request: a token may stand in an answer, and no frame keeps it.
            del body
        raise problem

    def _made(self) -> msgspec.json.Decoder[T]:
        import msgspec

        from ._union import decode_hook

        self._decoder = msgspec.json.Decoder(self._kind, dec_hook=decode_hook)
        return self._decoder

    def _tell_missing(self, reply: Reply) -> None:
        # What the call was to do is done: an answer that has no body is no reason to tell the program otherwise.
        if not self._may_be_empty:
            from . import _log

            text = "%s %s answered %s without the body that is promised, which reads as None"
            _log.logger().warning(text, reply.method, reply.path, reply.status)

    def _as_far_as_it_goes(self, reply: Reply, body: bytes, error: Exception) -> T:
        import msgspec

        from . import _lenient, _log

        _log.logger().warning(
            "%s %s answered %s with a body that does not fit its type, and is read as far as it goes: %s",
            reply.method,
            reply.path,
            reply.status,
            error,
        )
        value: T = _lenient.convert(msgspec.json.decode(body), self._kind)
        return value


class _Text:
    def read(self, reply: Reply, is_strict: bool) -> str:
        body = reply.body
        try:
            return body.decode(_charset(reply), errors="strict" if is_strict else "replace")
        except (LookupError, UnicodeDecodeError) as error:
            problem = _invalid(reply, body, error)
        finally:
            del body
        raise problem


class _Binary:
    def read(self, reply: Reply, is_strict: bool) -> bytes:
        return reply.body


class _Empty:
    def read(self, reply: Reply, is_strict: bool) -> None:
        return None


TEXT = _Text()
"""An answer that is text."""
BINARY = _Binary()
"""An answer that is bytes."""
EMPTY = _Empty()
"""An answer without a body; one that comes all the same is not looked at."""


def _charset(reply: Reply) -> str:
    """The charset of the answer (RFC 9110, section 8.3.2), UTF-8 unless it says another."""
    content_type = next((value for name, value in reply.headers if name == "content-type"), "")
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"') or "utf-8"
    return "utf-8"


def _invalid(reply: Reply, body: bytes, error: Exception) -> Exception:
    from ._errors import APIResponseValidationError, Content
    from ._headers import Headers

    if isinstance(error, UnicodeDecodeError):
        error = ValueError(f"it is no {error.encoding} from byte {error.start} on")

    return APIResponseValidationError(
        f"{reply.method} {reply.path} answered {reply.status} with a body that is not what it promises: {error}",
        status_code=reply.status,
        request_id=reply.request_id,
        headers=Headers(reply.headers),
        body=Content(body),
        method=reply.method,
        path=reply.path,
    )
