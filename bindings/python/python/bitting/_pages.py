"""Lists that come in pages: walking them item by item, or page by page. Which page comes next, the core says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from ._client import AsyncClient, SyncClient, _Client
    from ._decode import Answer
    from ._native import Reply
    from ._request import Call

Item = TypeVar("Item")
ClientT = TypeVar("ClientT", bound="_Client")


class Pages(Generic[Item]):
    """Where in an answer the parts of a page stand: the attributes that lead to them."""

    __slots__ = ("answer", "items", "total")

    def __init__(
        self, answer: Answer[Any], *, items: Sequence[str] = (), total: Sequence[str] | None = None
    ) -> None:
        self.answer = answer
        self.items = items
        self.total = total


def _at(value: Any, path: Sequence[str]) -> Any:
    """The part of an answer at ``path``. An answer read leniently may lack it."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


class _Page(Generic[Item, ClientT]):
    """What both kinds of page have."""

    __slots__ = ("_call", "_client", "_is_asked", "_next", "_pages", "_reply", "answer", "items")

    def __init__(self, pages: Pages[Item], client: ClientT, call: Call, reply: Reply) -> None:
        self._pages = pages
        self._client: ClientT = client
        self._call = call
        self._reply = reply
        self._is_asked = False
        self._next: Call | None = None
        self.answer: Any = pages.answer.read(reply, client._is_strict)
        """The answer as a whole, with what it says beside the items."""
        items = _at(self.answer, pages.items)
        self.items: list[Item] = items if isinstance(items, list) else []
        """The items of this page."""

    @property
    def total(self) -> int | None:
        """The number of items in all pages, where the API says it."""
        total = None if self._pages.total is None else _at(self.answer, self._pages.total)
        return total if isinstance(total, int) else None

    def has_next_page(self) -> bool:
        """Whether there is another page."""
        return self._following() is not None

    def _following(self) -> Call | None:
        if not self._is_asked:
            self._next = self._call.next_page(self._client._live(), self._reply)
            self._is_asked = True
        return self._next

    def _next_call(self) -> Call:
        call = self._following()
        if call is None:
            raise RuntimeError("this is the last page; ask has_next_page() first")
        return call

    def _repeats(self, before: _Page[Item, ClientT]) -> bool:
        # Some servers do not know what asks for the next page, others give the last one for whatever lies behind it.
        # Where the total is known, that tells the end.
        is_plain = not self.items or isinstance(self.items[0], str | int | float)
        return self.total is None and not is_plain and self.items == before.items

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.items)} items>"


class SyncPage(_Page[Item, "SyncClient"]):
    """A page of a list. Iterating over it goes on through the pages that follow."""

    __slots__ = ()

    def next_page(self) -> SyncPage[Item]:
        """The next page."""
        call = self._next_call()
        return SyncPage(self._pages, self._client, call, self._client._send(call))

    def iter_pages(self) -> Iterator[SyncPage[Item]]:
        """This page and those that follow."""
        page = self
        yield page
        while page.has_next_page():
            before, page = page, page.next_page()
            if page._repeats(before):
                return
            yield page

    def __iter__(self) -> Iterator[Item]:
        for page in self.iter_pages():
            yield from page.items


class AsyncPage(_Page[Item, "AsyncClient"]):
    """A page of a list. Iterating over it goes on through the pages that follow."""

    __slots__ = ()

    async def next_page(self) -> AsyncPage[Item]:
        """The next page."""
        call = self._next_call()
        return AsyncPage(self._pages, self._client, call, await self._client._send(call))

    async def iter_pages(self) -> AsyncIterator[AsyncPage[Item]]:
        """This page and those that follow."""
        page = self
        yield page
        while page.has_next_page():
            before, page = page, await page.next_page()
            if page._repeats(before):
                return
            yield page

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.iter_pages():
            for item in page.items:
                yield item


class AsyncPaginator(Generic[Item]):
    """A list that has not been asked for yet: ``await`` it for its first page, or walk it with ``async for``."""

    __slots__ = ("_first",)

    def __init__(self, first: Callable[[], Awaitable[Any]]) -> None:
        self._first = first

    def __await__(self) -> Generator[Any, Any, AsyncPage[Item]]:
        return cast("Generator[Any, Any, AsyncPage[Item]]", self._first().__await__())

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for item in await self:
            yield item
