"""What the resources of a generated client stand on: calls by operation number, plain, in pages, or raw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ._not_given import NOT_GIVEN
from ._pages import AsyncPage, AsyncPaginator, Pages, SyncPage
from ._response import RawResponse

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, Self

    from ._client import AsyncClient, SyncClient, _Client
    from ._decode import Answer
    from ._native import Reply

    P = ParamSpec("P")

T = TypeVar("T")
ClientT = TypeVar("ClientT", bound="_Client")


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``arguments`` that were given."""
    return {name: value for name, value in arguments.items() if value is not NOT_GIVEN}


class _Resource(Generic[ClientT]):
    """What both kinds of resource have."""

    __slots__ = ("_client", "_is_raw")

    def __init__(self, client: ClientT) -> None:
        self._client: ClientT = client
        self._is_raw = False

    def _raw(self) -> Self:
        """The same methods, which return the answers as they came."""
        twin = type(self)(self._client)
        twin._is_raw = True
        return twin

    def _answered(self, reply: Reply, read: Callable[[Reply], T]) -> T:
        return cast(T, RawResponse(reply, read)) if self._is_raw else read(reply)

    def _reader(self, answer: Answer[T]) -> Callable[[Reply], T]:
        is_strict = self._client._is_strict
        return lambda reply: answer.read(reply, is_strict)


class SyncResource(_Resource["SyncClient"]):
    """A group of methods of a synchronous client."""

    __slots__ = ()

    def _call(
        self,
        operation: int,
        arguments: Mapping[str, Any],
        answer: Answer[T],
        options: Mapping[str, Any],
        *,
        body: Any = NOT_GIVEN,
        media_type: str | None = None,
    ) -> T:
        try:
            call = self._client._prepared(operation, arguments, body, media_type, options)
        finally:
            del arguments, body, options
        return self._answered(self._client._send(call), self._reader(answer))

    def _list(
        self, operation: int, arguments: Mapping[str, Any], pages: Pages[T], options: Mapping[str, Any]
    ) -> SyncPage[T]:
        try:
            call = self._client._prepared(operation, arguments, NOT_GIVEN, None, options)
        finally:
            del arguments, options
        client = self._client
        return self._answered(client._send(call), lambda reply: SyncPage(pages, client, call, reply))


class AsyncResource(_Resource["AsyncClient"]):
    """A group of methods of an asynchronous client."""

    __slots__ = ()

    async def _call(
        self,
        operation: int,
        arguments: Mapping[str, Any],
        answer: Answer[T],
        options: Mapping[str, Any],
        *,
        body: Any = NOT_GIVEN,
        media_type: str | None = None,
    ) -> T:
        try:
            call = self._client._prepared(operation, arguments, body, media_type, options)
        finally:
            del arguments, body, options
        return self._answered(await self._client._send(call), self._reader(answer))

    def _list(
        self, operation: int, arguments: Mapping[str, Any], pages: Pages[T], options: Mapping[str, Any]
    ) -> AsyncPaginator[T]:
        try:
            call = self._client._prepared(operation, arguments, NOT_GIVEN, None, options)
        finally:
            del arguments, options
        client = self._client

        async def first() -> AsyncPage[T]:
            return self._answered(await client._send(call), lambda reply: AsyncPage(pages, client, call, reply))

        return AsyncPaginator(first)


def raw(method: Callable[P, T]) -> Callable[P, RawResponse[T]]:
    """The type of a method of a raw resource."""
    return cast("Callable[P, RawResponse[T]]", method)


def raw_async(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[RawResponse[T]]]:
    """The type of a method of a raw resource."""
    return cast("Callable[P, Awaitable[RawResponse[T]]]", method)
