"""Walking lists: by offset, by page number, by cursor, and where to stop."""

from __future__ import annotations

from typing import Any

import pytest
from arrow import Arrow
from bitting import APIResponseValidationError
from roboticks import Roboticks
from stub import Answer, Request, Stub, page

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


def test_the_core_says_which_page_is_next(stub: Stub, client: Roboticks) -> None:
    """A page that is not full is the last one where no total is told, and an answer without a list is no page."""
    answers = iter([{"items": [], "total": 3}, {"total": 3}])
    stub.answer = lambda request: Answer(200, next(answers))
    assert not client.devices.list("acme", "warehouse").has_next_page()
    with pytest.raises(APIResponseValidationError, match="no list of items at `/items`"):
        list(client.devices.list("acme", "warehouse"))


def test_a_page_knows_its_way_without_being_asked_twice(stub: Stub, client: Roboticks) -> None:
    """The arguments of the next page keep those of the first, and options too."""
    stub.answer = by_offset(5)
    found = client.devices.list("acme", "warehouse", limit=2)
    assert found.has_next_page() and found.has_next_page()
    assert [one.name for one in found.next_page().items] == ["Picker 2", "Picker 3"]
    assert [request.query for request in stub.requests] == ["limit=2", "limit=2&offset=2"]


def test_a_page_that_comes_again_is_the_end(stub: Stub, client: Roboticks) -> None:
    """A server that does not know what asks for the next page, and tells no total, is not asked for ever."""
    whole = page(range(2), 2, 2, 0)
    del whole["total"]
    stub.answer = lambda request: Answer(200, whole)
    names = [found.name for found in client.devices.list("acme", "warehouse", limit=2)]
    assert names == ["Picker 0", "Picker 1"]
    assert [request.query for request in stub.requests] == ["limit=2", "limit=2&offset=2"]
