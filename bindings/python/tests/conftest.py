"""Fixtures: a scripted server for the wire, and clients that talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from roboticks import AsyncRoboticks, Roboticks
from stub import Stub

KEY = "rbtk_test_0123456789abcdef"


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted server."""
    server = Stub()
    yield server
    server.close()


@pytest.fixture
def client(stub: Stub) -> Iterator[Roboticks]:
    """A client of the scripted server that does not retry."""
    with Roboticks(base_url=stub.url, api_key=KEY, max_retries=0, environment={}) as client:
        yield client


@pytest.fixture
def later(stub: Stub) -> AsyncRoboticks:
    """An asynchronous client of the scripted server that does not retry."""
    return AsyncRoboticks(base_url=stub.url, api_key=KEY, max_retries=0, environment={})
