"""The exceptions of a client: the same names in Python and Node, made from the failures that the core reports.

All can be pickled, so that they pass between processes. None carries a credential: the core takes out what a server
sends back of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._headers import Headers

if TYPE_CHECKING:
    import datetime

    from ._native import Failure


class Content(bytes):
    """The body of an answer. A token may stand in it, so it shows its size alone; ``bytes(content)`` is all of it."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    __str__ = __repr__


class BittingError(Exception):
    """What every exception of a client is."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        for name, value in details.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.__dict__.copy())


class ConfigError(BittingError):
    """The client cannot be made or run as it is configured."""


class RequestError(BittingError):
    """The arguments or the body do not fit the operation. Nothing was sent."""


class CredentialsError(BittingError):
    """A credential is missing or cannot be one. Nothing was sent."""


class TokenRefreshError(CredentialsError):
    """A token could not be obtained or renewed."""

    status_code: int | None
    """The status of the refusal that made a renewal necessary, if there was one."""
    code: str | None
    request_id: str | None
    headers: Headers
    body: bytes
    retry_after: float | None
    """Seconds to wait before another try, where somebody said so."""


class APIConnectionError(BittingError):
    """No answer came: the connection could not be made, or it broke."""

    method: str | None
    path: str | None
    """The operation's path template."""
    retries_taken: int


class APITimeoutError(APIConnectionError):
    """No answer came in time."""


class APIStatusError(BittingError):
    """The server answered with another status than success."""

    status_code: int
    code: str | None
    """The error code that the body names, if it names one."""
    request_id: str | None
    """The server's id of the request: quote it to those who run the server."""
    headers: Headers
    body: bytes
    retries_taken: int
    method: str | None
    path: str | None
    """The operation's path template."""

    def json(self) -> Any:
        """The body as JSON, or ``None`` if it is none."""
        import json

        try:
            return json.loads(self.body)
        except ValueError:
            return None


class BadRequestError(APIStatusError):
    """400: the server could not read the request."""


class AuthenticationError(APIStatusError):
    """401: the credential is missing, malformed, expired or revoked."""


class PermissionDeniedError(APIStatusError):
    """403: the credential is good and does not reach this far."""


class NotFoundError(APIStatusError):
    """404: there is no such thing, or it is hidden from this credential."""


class ConflictError(APIStatusError):
    """409: the request does not go with the state of things."""


class UnprocessableEntityError(APIStatusError):
    """422: the server read the request and refuses its values."""


class RateLimitError(APIStatusError):
    """429: too many requests, and waiting was not allowed for that long or that often."""

    retry_after: float | None
    """Seconds until the next request can succeed."""
    limit: int | None
    """Requests per window."""
    remaining: int | None
    """Requests left in this window."""
    reset_at: datetime.datetime | None
    """When the window ends, in UTC."""


class InternalServerError(APIStatusError):
    """5xx: the server failed."""


class APIResponseValidationError(BittingError):
    """The server answered success with a body that is not what the operation answers."""

    status_code: int | None
    request_id: str | None
    headers: Headers
    body: bytes
    method: str | None
    path: str | None


def _rebuilt(kind: type[BittingError], state: dict[str, Any]) -> BittingError:
    return kind(**state)


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
}


def of(failure: Failure) -> BittingError:
    """The exception of a failure."""
    if failure.kind == "api":
        return _of_status(failure)
    if failure.kind == "rate_limited":
        return _rate_limited(failure)
    make = _BY_KIND.get(failure.kind)
    return make(failure) if make else BittingError(failure.message)


def _of_status(failure: Failure) -> APIStatusError:
    status = failure.status or 0
    if status == 429:
        return _rate_limited(failure)
    kind = InternalServerError if status >= 500 else _BY_STATUS.get(status, APIStatusError)
    return kind(failure.message, **_answer(failure))


def _rate_limited(failure: Failure) -> RateLimitError:
    limit, remaining, reset_at = failure.rate_limit or (None, None, None)
    details = {**_answer(failure), "status_code": failure.status or 429, "retry_after": failure.retry_after}
    reset = None if reset_at is None else _moment(reset_at)
    return RateLimitError(failure.message, **details, limit=limit, remaining=remaining, reset_at=reset)


def _answer(failure: Failure) -> dict[str, Any]:
    return {
        "status_code": failure.status,
        "code": failure.code,
        "request_id": failure.request_id,
        "headers": Headers(failure.headers),
        "body": Content(failure.body),
        **_way(failure),
    }


def _way(failure: Failure) -> dict[str, Any]:
    return {"method": failure.method, "path": failure.path, "retries_taken": max(failure.attempts - 1, 0)}


def _token(failure: Failure) -> TokenRefreshError:
    return TokenRefreshError(failure.message, **_answer(failure), retry_after=failure.retry_after)


def _moment(seconds: float) -> datetime.datetime:
    import datetime

    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


_BY_KIND = {
    "config": lambda failure: ConfigError(failure.message),
    "credentials": lambda failure: CredentialsError(failure.message),
    "request": lambda failure: RequestError(failure.message),
    "connection": lambda failure: APIConnectionError(failure.message, **_way(failure)),
    "timeout": lambda failure: APITimeoutError(failure.message, **_way(failure)),
    "decode": lambda failure: APIResponseValidationError(failure.message, **_answer(failure)),
    "token": _token,
}
