"""From bytes to types: what fits, what does not, unions, and what is no JSON at all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bitting import APIResponseValidationError
from bitting.runtime import BINARY, EMPTY, TEXT, Json, UnknownVariant, one_of
from roboticks import Roboticks
from roboticks.models import DevicePage
from stub import Answer, Stub, device, page


class Cat(msgspec.Struct, kw_only=True):
    """A variant."""

    kind: str
    lives: int


class Dog(msgspec.Struct, kw_only=True):
    """A variant."""

    kind: str
    bark: str


if TYPE_CHECKING:
    Pet = Cat | Dog | UnknownVariant
    Untagged = Cat | Dog | UnknownVariant
else:
    Pet = one_of("Pet", Cat, Dog, tag="kind", mapping={"cat": Cat, "dog": Dog})
    Untagged = one_of("Untagged", Cat, Dog)


class Owner(msgspec.Struct, kw_only=True):
    """Something that holds unions."""

    pet: Pet | None = None
    pets: list[Untagged] = []


class FakeReply:
    """An answer as the core gives it."""

    status, request_id, method, path = 200, "req-1", "GET", "/things"

    def __init__(self, body: bytes, content_type: str = "application/json") -> None:
        self.body = body
        self.headers = [("content-type", content_type)]


def read(answer: Any, body: bytes, *, is_strict: bool = True, content_type: str = "application/json") -> Any:
    """What ``answer`` makes of ``body``."""
    return answer.read(FakeReply(body, content_type), is_strict)


def test_a_union_is_told_apart_by_its_tag() -> None:
    """OpenAPI 3.1, 4.8.25: the discriminator chooses; a tag that is not known is kept."""
    owner = read(Json(Owner), b'{"pet": {"kind": "dog", "bark": "loud"}}')
    assert owner.pet == Dog(kind="dog", bark="loud")
    newer = read(Json(Owner), b'{"pet": {"kind": "parrot", "words": 9}}')
    assert newer.pet == UnknownVariant("parrot", {"kind": "parrot", "words": 9})
    assert read(Json(Owner), b'{"pet": null}').pet is None


def test_a_union_without_a_tag_takes_the_first_that_fits() -> None:
    """Two objects in a union are more than msgspec takes by itself."""
    owner = read(Json(Owner), b'{"pets": [{"kind": "x", "bark": "y"}, {"kind": "x", "lives": 9}, {"odd": 1}]}')
    assert owner.pets == [Dog(kind="x", bark="y"), Cat(kind="x", lives=9), UnknownVariant(None, {"odd": 1})]


class Note(msgspec.Struct, kw_only=True):
    """A variant that asks for little."""

    id: str
    title: str | None = None


class User(msgspec.Struct, kw_only=True):
    """Another one."""

    id: str
    name: str | None = None


def test_a_union_takes_what_knows_most_of_the_value() -> None:
    """Where several variants fit, the one that would leave out least."""
    either = one_of("Either", Note, User)
    assert read(Json(either), b'{"id": "1", "name": "Ada"}') == User(id="1", name="Ada")
    assert read(Json(either), b'{"id": "1", "title": "T", "more": 1}') == Note(id="1", title="T")
    assert read(Json(either), b'{"id": "1"}') == Note(id="1")


def test_text_bytes_and_nothing() -> None:
    """Answers that are no JSON."""
    assert read(TEXT, "é".encode("latin-1"), content_type='text/plain; charset="iso-8859-1"') == "é"
    assert read(TEXT, "é".encode()) == "é"
    assert read(BINARY, b"\x00\xff") == b"\x00\xff"
    assert read(EMPTY, b"ignored") is None
    with pytest.raises(APIResponseValidationError):
        read(TEXT, b"\xff")


def test_an_empty_body_is_only_taken_where_it_may_be() -> None:
    """An empty success is not taken for one, unless the document knows it."""
    assert read(Json(Cat | None, may_be_empty=True), b"") is None
    for is_strict in (True, False):
        with pytest.raises(APIResponseValidationError) as caught:
            read(Json(Cat), b"", is_strict=is_strict)
        assert caught.value.request_id == "req-1"


def test_a_204_is_no_error_where_a_body_is_promised(stub: Stub, client: Roboticks) -> None:
    """What the call was to do is done; only a strict client wants to know of it."""
    stub.answer = lambda request: Answer(204)
    assert client.devices.get("acme", "warehouse", "7") is None
    with pytest.raises(APIResponseValidationError):
        client.with_options(response_validation="strict").devices.get("acme", "warehouse", "7")


def test_a_strict_client_refuses(stub: Stub, client: Roboticks) -> None:
    """`response_validation="strict"` raises, with the place in the body."""
    stub.answer = lambda request: Answer(200, {**device(), "name": 7})
    with pytest.raises(APIResponseValidationError, match=r"\$\.name") as caught:
        client.with_options(response_validation="strict").devices.get("acme", "warehouse", "7")
    assert caught.value.status_code == 200
    assert b'"name": 7' in caught.value.body


def test_a_lenient_client_reads_as_far_as_it_goes(
    stub: Stub, client: Roboticks, caplog: pytest.LogCaptureFixture
) -> None:
    """One bad date does not cost the page: it stays text, the rest is typed, and a warning says so."""
    wrong = page(range(2), 2)
    wrong["items"][1]["created_at"] = "yesterday"
    del wrong["items"][1]["name"]
    stub.answer = lambda request: Answer(200, wrong)
    with caplog.at_level(logging.WARNING, "bitting"):
        answer = client.devices.list("acme", "warehouse").answer
    assert isinstance(answer, DevicePage)
    good = answer.items[0]
    bad: Any = answer.items[1]
    assert good.created_at.year == 2026
    assert (bad.created_at, bad.name, bad.updated_at.year) == ("yesterday", None, 2026)
    assert "does not fit its type" in caplog.text


def test_enums_stay_open(stub: Stub, client: Roboticks, caplog: pytest.LogCaptureFixture) -> None:
    """A status of a newer server is kept, without a warning."""
    stub.answer = lambda request: Answer(200, {**device(), "status": "charging"})
    assert client.devices.get("acme", "warehouse", "7").status == "charging"
    assert caplog.text == ""
