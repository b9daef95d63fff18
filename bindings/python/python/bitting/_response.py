"""An answer as it came, for those who need more of it than its value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ._headers import Headers

if TYPE_CHECKING:
    import datetime

    from ._native import Reply

T = TypeVar("T")


class RateLimit(NamedTuple):
    """What an answer says about a rate limit."""

    limit: int | None
    """Requests per window."""
    remaining: int | None
    """Requests left in this window."""
    reset_at: datetime.datetime | None
    """When the window ends, in UTC."""


def rate_limit(state: tuple[int | None, int | None, float | None] | None) -> RateLimit | None:
    """A rate limit as the core tells it."""
    if state is None:
        return None
    import datetime

    limit, remaining, end = state
    reset_at = None if end is None else datetime.datetime.fromtimestamp(end, datetime.timezone.utc)
    return RateLimit(limit, remaining, reset_at)


class RawResponse(Generic[T]):
    """A successful answer. Headers and body are taken from the core when they are first asked for."""

    __slots__ = ("_content", "_headers", "_parse", "_reply")

    def __init__(self, reply: Reply, parse: Callable[[Reply], T]) -> None:
        self._reply = reply
        self._parse = parse
        self._headers: Headers | None = None
        self._content: bytes | None = None

    @property
    def status_code(self) -> int:
        """The status."""
        return self._reply.status

    @property
    def headers(self) -> Headers:
        """The headers."""
        if self._headers is None:
            self._headers = Headers(self._reply.headers)
        return self._headers

    @property
    def content(self) -> bytes:
        """The body."""
        if self._content is None:
            self._content = self._reply.body
        return self._content

    @property
    def request_id(self) -> str | None:
        """The server's id of the request."""
        return self._reply.request_id

    @property
    def retries_taken(self) -> int:
        """How often the call was sent again."""
        return max(self._reply.attempts - 1, 0)

    @property
    def waited(self) -> float:
        """Seconds that the call waited between its requests, at a rate limit or backing off."""
        return self._reply.waited

    @property
    def token_refreshed(self) -> bool:
        """Whether a refused token was renewed during the call."""
        return self._reply.refreshed

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the answer says about the rate limit, if it does."""
        return rate_limit(self._reply.rate_limit)

    def json(self) -> Any:
        """The body as plain JSON, with members that the document does not name."""
        import msgspec

        return msgspec.json.decode(self.content)

    def parse(self) -> T:
        """What the method without ``with_raw_response`` returns."""
        return self._parse(self._reply)

    def __repr__(self) -> str:
        return f"<RawResponse {self.status_code}>"
