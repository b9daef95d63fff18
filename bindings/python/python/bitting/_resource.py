"""What the resources of a generated client stand on: calls by operation number, plain, in pages, or raw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ._not_given import NOT_GIVEN
from ._pages import AsyncPage, AsyncPaginator, Pages, SyncPage
from ._response import RawResponse

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, Self

    from ._client import AsyncClient, SyncClient
    from ._decode import Answer
    from ._native import Reply

    P = ParamSpec("P")

T = TypeVar("T")


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``arguments`` that were given."""
    return {name: value for name, value in arguments.items() if value is not NOT_GIVEN}


class SyncResource:
    """A group of methods of a synchronous client."""

    __slots__ = ("_client", "_is_raw")

    def __init__(self, client: SyncClient) -> None:
        self._client = client
        self._is_raw = False

    def _raw(self) -> Self:
        """The same methods, which return the answers as they came."""
        twin = type(self)(self._client)
        twin._is_raw = True
        return twin

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
        client = self._client
        reply = client._send(operation, given(arguments), body, media_type, options)
        if self._is_raw:
            return cast(T, RawResponse(reply, lambda reply: answer.read(reply, client._is_strict)))
        return answer.read(reply, client._is_strict)

    def _list(
        self, operation: int, arguments: Mapping[str, Any], pages: Pages[T], options: Mapping[str, Any]
    ) -> SyncPage[T]:
        client = self._client
        arguments = given(arguments)

        def page(arguments: dict[str, Any], reply: Reply) -> SyncPage[T]:
            return SyncPage(pages, arguments, pages.answer.read(reply, client._is_strict), fetch)

        def fetch(arguments: dict[str, Any]) -> SyncPage[T]:
            return page(arguments, client._send(operation, arguments, NOT_GIVEN, None, options))

        if self._is_raw:
            reply = client._send(operation, arguments, NOT_GIVEN, None, options)
            return cast(SyncPage[T], RawResponse(reply, lambda reply: page(arguments, reply)))
        return fetch(arguments)


class AsyncResource:
    """A group of methods of an asynchronous client."""

    __slots__ = ("_client", "_is_raw")

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._is_raw = False

    def _raw(self) -> Self:
        """The same methods, which return the answers as they came."""
        twin = type(self)(self._client)
        twin._is_raw = True
        return twin

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
        client = self._client
        reply = await client._send(operation, given(arguments), body, media_type, options)
        if self._is_raw:
            return cast(T, RawResponse(reply, lambda reply: answer.read(reply, client._is_strict)))
        return answer.read(reply, client._is_strict)

    def _list(
        self, operation: int, arguments: Mapping[str, Any], pages: Pages[T], options: Mapping[str, Any]
    ) -> AsyncPaginator[T]:
        client = self._client
        arguments = given(arguments)

        def page(arguments: dict[str, Any], reply: Reply) -> AsyncPage[T]:
            return AsyncPage(pages, arguments, pages.answer.read(reply, client._is_strict), fetch)

        async def fetch(arguments: dict[str, Any]) -> AsyncPage[T]:
            return page(arguments, await client._send(operation, arguments, NOT_GIVEN, None, options))

        async def first() -> AsyncPage[T] | RawResponse[AsyncPage[T]]:
            if not self._is_raw:
                return await fetch(arguments)
            reply = await client._send(operation, arguments, NOT_GIVEN, None, options)
            return RawResponse(reply, lambda reply: page(arguments, reply))

        return AsyncPaginator(first)


def raw(method: Callable[P, T]) -> Callable[P, RawResponse[T]]:
    """The type of a method of a raw resource."""
    return cast("Callable[P, RawResponse[T]]", method)


def raw_async(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[RawResponse[T]]]:
    """The type of a method of a raw resource."""
    return cast("Callable[P, Awaitable[RawResponse[T]]]", method)
