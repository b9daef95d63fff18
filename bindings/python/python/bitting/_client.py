"""The clients that generated ones are made from. Neither signs, retries nor builds a URL: the core does."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast
from weakref import WeakSet

from ._auth import Auth, Explains
from ._not_given import NOT_GIVEN
from ._options import Defaults, Settings

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._native import Reply, Session
    from ._options import ClientOptions, RequestOptions
    from ._request import Call
    from ._response import RateLimit, RawResponse

_tables: dict[str, bytes] = {}
_sessions: WeakSet[Session] = WeakSet()


def _after_fork() -> None:
    """The child of a fork gets connections of its own, with the same credentials."""
    for session in list(_sessions):
        session.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Client:
    """What both clients are made of: settings, a session, defaults of each call."""

    _package: ClassVar[str]
    """The package that ``_api.json``, the operation table, lies in."""

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._start(Settings(cast("dict[str, Any]", options), type(self).__name__))

    def _start(self, settings: Settings) -> None:
        self._settings = settings
        self._is_strict = settings.is_strict
        self._defaults = Defaults()
        self._session: Session | None = settings.open(self._table())
        self._prepare, self._cross = self._crossing()
        _sessions.add(self._session)
        level = self._session.log_level()
        if level is not None:
            from . import _log

            _log.follow(level)
        warnings = self._session.warnings()
        if isinstance(warnings, list) and warnings:
            from . import _log

            for warning in warnings:
                _log.logger().warning("%s: %s", type(self).__name__, warning)

    @staticmethod
    def _crossing() -> tuple[Callable[..., Call], Callable[..., Any]]:
        """What prepares a call and what makes it; loaded with the first client, so that an import costs nothing."""
        raise NotImplementedError

    def _prepared(
        self,
        operation: int,
        arguments: Mapping[str, Any],
        body: Any,
        media_type: str | None,
        options: Mapping[str, Any],
    ) -> Call:
        try:
            return self._prepare(operation, arguments, body, media_type, options, self._defaults)
        finally:
            # See _request: no frame keeps what is sent.
            del arguments, body, options

    @classmethod
    def _table(cls) -> bytes:
        table = _tables.get(cls._package)
        if table is None:
            from pkgutil import get_data

            table = get_data(cls._package, "_api.json")
            if table is None:
                raise RuntimeError(f"{cls._package} has no _api.json; generate the package again")
            _tables[cls._package] = table
        return table

    def with_options(self, **changes: Unpack[ClientOptions]) -> Self:
        """A client like this one but for ``changes``.

        While they are about timeouts, retries and headers it shares this client's connections and tokens; with other
        credentials or another server it has its own.
        """
        changed = Settings(cast("dict[str, Any]", changes), "with_options")
        twin = type(self).__new__(type(self))
        settings = self._settings.with_changes(changed)
        defaults = changed.call_defaults()
        if defaults is None:
            twin._start(settings)
            return twin
        twin._settings = settings
        twin._is_strict = settings.is_strict
        twin._defaults = self._defaults.over(defaults)
        twin._session = self._live()
        twin._prepare, twin._cross = self._prepare, self._cross
        return twin

    @property
    def auth(self) -> Explains:
        """The client's credentials: ``client.auth.explain()``."""
        return Auth(self)

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the last answer that spoke of a rate limit said."""
        from ._response import rate_limit

        return rate_limit(self._live().rate_limit())

    def _live(self) -> Session:
        if self._session is None:
            from ._errors import ConfigError

            raise ConfigError(f"this {type(self).__name__} is closed; make a new one")
        return self._session

    def _place(self, operation_id: str) -> int:
        place = self._live().operation(operation_id)
        if place is None:
            from ._errors import RequestError

            raise RequestError(f"there is no operation {operation_id!r} in this API; it is called by its operationId")
        return place

    def __reduce__(self) -> str:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it holds credentials; make one in each process")

    def __repr__(self) -> str:
        # A client that could not be made is shown in tracebacks too.
        settings: Settings | None = getattr(self, "_settings", None)
        # So is a URL that was refused for the password in it.
        base_url = settings and settings.base_url and re.sub(r"//[^/]*@", "//", settings.base_url)
        return f"<{type(self).__name__}{f' at {base_url}' if base_url else ''}>"


class SyncClient(_Client):
    """A client whose calls wait. It may be shared by threads; each thread has connections of its own."""

    def call(
        self,
        operation_id: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        body: Any = NOT_GIVEN,
        media_type: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> RawResponse[Any]:
        """Calls an operation by its ``operationId``, with arguments by their names in the document."""
        from ._decode import Json
        from ._response import RawResponse

        try:
            made = self._prepared(self._place(operation_id), arguments or {}, body, media_type, options)
        finally:
            del arguments, body, options
        return RawResponse(self._send(made), lambda reply: Json[Any](Any).read(reply, False))

    def _send(self, made: Call) -> Reply:
        reply: Reply = self._cross(self._live(), made)
        return reply

    @staticmethod
    def _crossing() -> tuple[Callable[..., Call], Callable[..., Any]]:
        from ._request import call, prepared

        return prepared, call

    def close(self) -> None:
        """Lets go of the connections. Clients that ``with_options`` made of this one keep theirs."""
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Client):
    """A client whose calls are awaited, on any asyncio loop. It may be used from several loops, each in its thread."""

    async def call(
        self,
        operation_id: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        body: Any = NOT_GIVEN,
        media_type: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> RawResponse[Any]:
        """Calls an operation by its ``operationId``, with arguments by their names in the document."""
        from ._decode import Json
        from ._response import RawResponse

        try:
            made = self._prepared(self._place(operation_id), arguments or {}, body, media_type, options)
        finally:
            del arguments, body, options
        return RawResponse(await self._send(made), lambda reply: Json[Any](Any).read(reply, False))

    async def _send(self, made: Call) -> Reply:
        reply: Reply = await self._cross(self._live(), made)
        return reply

    @staticmethod
    def _crossing() -> tuple[Callable[..., Call], Callable[..., Any]]:
        from ._async import call
        from ._request import prepared

        return prepared, call

    async def close(self) -> None:
        """Lets go of the connections. Clients that ``with_options`` made of this one keep theirs."""
        self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
