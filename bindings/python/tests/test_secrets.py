"""A credential is shown nowhere: not by a client, an exception, a traceback with variables, nor a log."""

from __future__ import annotations

import logging
import pickle
import traceback

import pytest
from bitting import BittingError
from roboticks import Roboticks
from stub import Answer, Stub

CANARY = "rbtk_test_canary_5f1d"


def test_a_client_shows_no_secret(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    """B7: repr, explain and logs."""
    with caplog.at_level(logging.DEBUG):
        client = Roboticks(base_url=stub.url, api_key=CANARY, environment={})
        twin = client.with_options(token=CANARY)
    for one in (client, twin):
        assert CANARY not in f"{one!r} {one} {one.explain()} {vars(one)}"
    assert CANARY not in caplog.text


def test_a_traceback_with_variables_shows_no_secret(stub: Stub) -> None:
    """B7: crash reporters send the variables of every frame; those of the package hold no secret."""

    def make() -> None:
        options = {"base_url": "not a url", "password": CANARY, "username": "ada@example.com", "environment": {}}
        Roboticks(**options)  # type: ignore[arg-type]

    with pytest.raises(BittingError) as caught:
        make()
    assert CANARY not in within_package(caught.value)
    client = Roboticks(base_url=stub.url, api_key=CANARY, environment={})
    with pytest.raises(BittingError) as caught:
        client.with_options(username="ada", token=CANARY)
    assert CANARY not in within_package(caught.value)
    for wrong in ({"apikey": CANARY}, {"api_key": CANARY.encode()}, {"api_key": CANARY, "timeout": "5"}):
        with pytest.raises(TypeError, match="option") as refused:
            Roboticks(**wrong)
        assert CANARY not in within_package(refused.value)


def test_an_exception_holds_no_secret(stub: Stub) -> None:
    """B8: what the server sends back of a key is taken out."""
    stub.answer = lambda request: Answer(401, {"detail": f"no such key {request.headers['authorization']}"})
    client = Roboticks(base_url=stub.url, api_key=CANARY, environment={})
    with pytest.raises(BittingError) as caught:
        client.devices.get("acme", "warehouse", "7")
    error = caught.value
    assert CANARY not in f"{error} {error!r} {vars(error)}"
    assert CANARY.encode() not in pickle.dumps(error)
    assert CANARY not in within_package(error)


def within_package(error: BaseException) -> str:
    """The traceback of ``error`` with the variables of the package's own frames."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in shown.stack if "/bitting/" in frame.filename or "/roboticks/" in frame.filename]
    assert frames, "the package is in the traceback"
    return "\n".join(f"{frame.name}: {frame.locals}" for frame in frames) + str(error)
