"""Walking lists: by offset, by page number, by cursor, and where to stop."""

from __future__ import annotations

from types import SimpleNamespace as Reply
from typing import Any

import pytest
from arrow import Arrow
from bitting.runtime import Json, Pages
from roboticks import Roboticks
from stub import Answer, Request, Stub, page

ANSWER: Json[Any] = Json(Any)


def by_offset(total: int) -> Any:
    """A script that answers ``total`` devices by limit and offset."""

    def answer(request: Request) -> Answer:
        query = dict(pair.split("=") for pair in request.query.split("&") if pair)
        limit, offset = int(query.get("limit", 20)), int(query.get("offset", 0))
        return Answer(200, page(range(offset, min(offset + limit, total)), total, limit, offset))

    return answer


def test_items_across_pages(stub: Stub, client: Roboticks) -> None:
    """ROBOTICKS-9: iterating goes on through the pages, and asks for no more than there are."""
    stub.answer = by_offset(45)
    names = [found.name for found in client.devices.list("acme", "warehouse")]
    assert names == [f"Picker {number}" for number in range(45)]
    assert [request.query for request in stub.requests] == ["", "offset=20", "offset=40"]


def test_page_by_page(stub: Stub, client: Roboticks) -> None:
    """Pages can be walked as pages, from where one likes to begin."""
    stub.answer = by_offset(5)
    first = client.devices.list("acme", "warehouse", limit=2, offset=1)
    assert [len(found.items) for found in first.iter_pages()] == [2, 2]
    last = first.next_page()
    assert (last.total, last.has_next_page()) == (5, False)
    with pytest.raises(RuntimeError, match="last page"):
        last.next_page()


def test_an_empty_list(stub: Stub, client: Roboticks) -> None:
    """No items, no further request."""
    stub.answer = by_offset(0)
    assert list(client.devices.list("acme", "warehouse")) == []
    assert len(stub.requests) == 1


def test_options_hold_for_every_page(stub: Stub, client: Roboticks) -> None:
    """A header of the call is sent with each page."""
    stub.answer = by_offset(3)
    list(client.devices.list("acme", "warehouse", limit=1, extra_headers={"X-Trace": "7"}))
    assert [request.headers["x-trace"] for request in stub.requests] == ["7", "7", "7"]


def test_by_page_number(stub: Stub) -> None:
    """ARROW-5: `page` and `page_size`."""

    def answer(request: Request) -> Answer:
        query = dict(pair.split("=") for pair in request.query.split("&") if pair)
        number = int(query.get("page", 1))
        items = [
            {"id": str(item), "email": "a@example.com", "name": "A", "created_at": "2026-01-01T00:00:00Z"}
            for item in range((number - 1) * 2, min(number * 2, 5))
        ]
        return Answer(200, {"items": items, "total": 5, "page": number, "page_size": 2})

    stub.answer = answer
    with Arrow(base_url=stub.url, api_key="arrow_test_key", environment={}) as client:
        assert [user.id for user in client.users.list(page_size=2)] == ["0", "1", "2", "3", "4"]
    assert [request.headers["x-api-key"] for request in stub.requests] == ["arrow_test_key"] * 3


def test_by_cursor() -> None:
    """The mark of the last answer asks for the next page; none, an empty or the same one ends the walk."""
    pages: Pages[Any] = Pages(ANSWER, "cursor", position="cursor", items=("data",), next=("meta", "next"))
    assert pages.following({"q": 1}, {"meta": {"next": "b"}}, 2) == {"q": 1, "cursor": "b"}
    assert pages.following({"cursor": "b"}, {"meta": {"next": "b"}}, 2) is None
    assert pages.following({}, {"meta": {"next": ""}}, 2) is None
    assert pages.following({}, {"meta": {}}, 2) is None
    assert pages.following({}, {}, 0) is None


def test_without_a_total() -> None:
    """A page that is not full is the last one; where the size is not known, an empty one is."""
    sized: Pages[Any] = Pages(ANSWER, "offset", position="skip", size="limit", items=("data",))
    assert sized.following({"limit": 2}, {}, 2) == {"limit": 2, "skip": 2}
    assert sized.following({"limit": 2, "skip": 2}, {}, 1) is None
    unsized: Pages[Any] = Pages(ANSWER, "page", position="page", items=("data",))
    assert unsized.following({}, {}, 3) == {"page": 2}
    assert unsized.following({"page": 2}, {}, 0) is None


def test_an_answer_that_is_the_list() -> None:
    """A pointer to the whole answer, and structs as well as plain objects on the way."""
    whole: Pages[Any] = Pages(ANSWER, "page", position="page", total=("count",))
    assert whole.following({}, Reply(count=3), 3) is None
    assert whole.following({}, Reply(count=4), 3) == {"page": 2}
