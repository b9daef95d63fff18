"""Lists that come in pages: walking them item by item, or page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

if TYPE_CHECKING:
    from ._decode import Answer

Item = TypeVar("Item")
Arguments = dict[str, Any]


class Pages(Generic[Item]):
    """How a list is walked: which argument asks for the next page, and where in an answer its parts stand.

    The arguments ``items``, ``total`` and ``next`` are the attributes that lead to the part; ``position`` and ``size``
    are argument keys.
    """

    __slots__ = ("answer", "items", "next", "position", "size", "style", "total")

    def __init__(
        self,
        answer: Answer[Any],
        style: Literal["offset", "page", "cursor"],
        *,
        position: str,
        size: str | None = None,
        items: Sequence[str] = (),
        total: Sequence[str] | None = None,
        next: Sequence[str] | None = None,
    ) -> None:
        self.answer = answer
        self.style = style
        self.position = position
        self.size = size
        self.items = items
        self.total = total
        self.next = next

    def following(self, arguments: Arguments, answer: Any, count: int) -> Arguments | None:
        """The arguments of the page after the one that ``arguments`` asked for; ``None`` after the last one.

        ``count`` is how many items that page has.
        """
        if self.style == "cursor":
            mark = _at(answer, self.next)
            is_new = mark is not None and mark != "" and mark != arguments.get(self.position)
            return {**arguments, self.position: mark} if is_new else None
        if count == 0:
            return None
        start, step = (0, count) if self.style == "offset" else (1, 1)
        at = _number(arguments.get(self.position), start)
        asked = _number(arguments.get(self.size), 0) if self.size else 0
        total = _at(answer, self.total)
        if isinstance(total, int):
            seen = at + count if self.style == "offset" else (at - 1) * (asked or count) + count
            is_last = seen >= total
        else:
            is_last = count < asked
        return None if is_last else {**arguments, self.position: at + step}


def _number(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default


def _at(value: Any, path: Sequence[str] | None) -> Any:
    """The part of an answer at ``path``. An answer read leniently may lack it."""
    if path is None:
        return None
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


class _Page(Generic[Item]):
    """What both kinds of page have."""

    __slots__ = ("_arguments", "_pages", "answer", "items")

    def __init__(self, pages: Pages[Item], arguments: Arguments, answer: Any) -> None:
        self._pages = pages
        self._arguments = arguments
        self.answer = answer
        """The answer as a whole, with what it says beside the items."""
        items = _at(answer, pages.items)
        self.items: list[Item] = items if isinstance(items, list) else []
        """The items of this page."""

    @property
    def total(self) -> int | None:
        """The number of items in all pages, where the API says it."""
        total = _at(self.answer, self._pages.total)
        return total if isinstance(total, int) else None

    def has_next_page(self) -> bool:
        """Whether there is another page."""
        return self._following() is not None

    def _following(self) -> Arguments | None:
        return self._pages.following(self._arguments, self.answer, len(self.items))

    def _next_arguments(self) -> Arguments:
        arguments = self._following()
        if arguments is None:
            raise RuntimeError("this is the last page; ask has_next_page() first")
        return arguments

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.items)} items>"


class SyncPage(_Page[Item]):
    """A page of a list. Iterating over it goes on through the pages that follow."""

    __slots__ = ("_fetch",)

    def __init__(
        self, pages: Pages[Item], arguments: Arguments, answer: Any, fetch: Callable[[Arguments], SyncPage[Item]]
    ) -> None:
        super().__init__(pages, arguments, answer)
        self._fetch = fetch

    def next_page(self) -> SyncPage[Item]:
        """The next page."""
        return self._fetch(self._next_arguments())

    def iter_pages(self) -> Iterator[SyncPage[Item]]:
        """This page and those that follow."""
        page = self
        yield page
        while page.has_next_page():
            page = page.next_page()
            yield page

    def __iter__(self) -> Iterator[Item]:
        for page in self.iter_pages():
            yield from page.items


class AsyncPage(_Page[Item]):
    """A page of a list. Iterating over it goes on through the pages that follow."""

    __slots__ = ("_fetch",)

    def __init__(
        self,
        pages: Pages[Item],
        arguments: Arguments,
        answer: Any,
        fetch: Callable[[Arguments], Awaitable[AsyncPage[Item]]],
    ) -> None:
        super().__init__(pages, arguments, answer)
        self._fetch = fetch

    async def next_page(self) -> AsyncPage[Item]:
        """The next page."""
        return await self._fetch(self._next_arguments())

    async def iter_pages(self) -> AsyncIterator[AsyncPage[Item]]:
        """This page and those that follow."""
        page = self
        yield page
        while page.has_next_page():
            page = await page.next_page()
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
