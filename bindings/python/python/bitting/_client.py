"""The clients that generated ones are made from. Neither signs, retries nor builds a URL: the core does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast
from weakref import WeakSet

from ._not_given import NOT_GIVEN
from ._options import Settings, call_options

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._native import Reply, Session
    from ._options import ClientOptions, RequestOptions
    from ._response import RawResponse

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
        self._defaults: dict[str, Any] = {}
        self._session: Session | None = settings.open(self._table())
        self._cross = self._crossing()
        _sessions.add(self._session)
        warnings = self._session.warnings()
        if isinstance(warnings, list) and warnings:
            from . import _log

            for warning in warnings:
                _log.logger().warning("%s: %s", type(self).__name__, warning)

    @staticmethod
    def _crossing() -> Callable[..., Any]:
        """What makes a call; it is loaded with the first client, so that an import costs nothing."""
        raise NotImplementedError

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
        headers = {**self._defaults.get("headers", {}), **defaults.get("headers", {})}
        twin._defaults = {**self._defaults, **defaults, **({"headers": headers} if headers else {})}
        twin._session = self._live()
        twin._cross = self._cross
        return twin

    def explain(self) -> list[dict[str, Any]]:
        """Which credentials the client has: for each its scheme, its source, its scopes and when it ends (Unix time).

        No secret is among them.
        """
        import json

        from . import _errors

        report = self._live().explain()
        if not isinstance(report, str):
            raise _errors.of(report)
        explained: list[dict[str, Any]] = json.loads(report)
        return explained

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

    def __repr__(self) -> str:
        # A client that could not be made is shown in tracebacks too.
        settings: Settings | None = getattr(self, "_settings", None)
        base_url = settings and settings.base_url
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

        reply = self._send(self._place(operation_id), arguments or {}, body, media_type, options)
        return RawResponse(reply, lambda reply: Json[Any](Any).read(reply, False))

    def _send(
        self,
        operation: int,
        arguments: Mapping[str, Any],
        body: Any,
        media_type: str | None,
        options: Mapping[str, Any],
    ) -> Reply:
        defaults = call_options(options, self._defaults)
        reply: Reply = self._cross(self._live(), operation, arguments, body, media_type, defaults)
        return reply

    @staticmethod
    def _crossing() -> Callable[..., Any]:
        from ._request import call

        return call

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

        reply = await self._send(self._place(operation_id), arguments or {}, body, media_type, options)
        return RawResponse(reply, lambda reply: Json[Any](Any).read(reply, False))

    async def _send(
        self,
        operation: int,
        arguments: Mapping[str, Any],
        body: Any,
        media_type: str | None,
        options: Mapping[str, Any],
    ) -> Reply:
        defaults = call_options(options, self._defaults)
        reply: Reply = await self._cross(self._live(), operation, arguments, body, media_type, defaults)
        return reply

    @staticmethod
    def _crossing() -> Callable[..., Any]:
        from ._async import call

        return call

    async def close(self) -> None:
        """Lets go of the connections. Clients that ``with_options`` made of this one keep theirs."""
        self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
