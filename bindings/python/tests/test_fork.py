"""A client survives a fork on both sides, and the two never share a connection."""

from __future__ import annotations

import asyncio
import os
import time
import warnings
from collections.abc import Callable

import pytest
from roboticks import AsyncRoboticks, Roboticks
from stub import Answer, Stub, device

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def in_child(work: Callable[[], None]) -> int:
    """Runs ``work`` in a forked child, and answers its exit code."""
    with warnings.catch_warnings():
        # Python 3.12 warns of any fork of a process with threads; that such a fork works is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    for _ in range(200):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return -1


def test_both_sides_call(stub: Stub, client: Roboticks) -> None:
    """Parent, child, parent: each call is answered, and the child's came over another connection (E7)."""
    stub.answer = lambda request: Answer(200, device())

    def call(times: int = 1) -> None:
        for _ in range(times):
            assert client.devices.get("acme", "warehouse", "7").name == "Picker 7"

    call()
    assert in_child(lambda: call(3)) == 0
    call()
    peers = [request.peer for request in stub.requests]
    assert len(peers) == 5
    assert peers[0] == peers[4], "the parent kept its connection"
    assert not {peers[0]} & set(peers[1:4]), "the child has its own"


def test_both_sides_await(stub: Stub, later: AsyncRoboticks) -> None:
    """The runtime's thread is not in the child: it gets one of its own, and a mailbox of its own."""
    stub.answer = lambda request: Answer(200, device())

    async def calls() -> None:
        found = await asyncio.gather(*(later.devices.get("acme", "warehouse", "7") for _ in range(5)))
        assert len(found) == 5

    asyncio.run(calls())
    parents = {request.peer for request in stub.requests}
    assert in_child(lambda: asyncio.run(calls())) == 0
    childs = {request.peer for request in stub.requests[5:]}
    assert len(stub.requests) == 10
    assert not parents & childs
    asyncio.run(calls())


def test_a_fork_inside_a_running_loop(stub: Stub, later: AsyncRoboticks) -> None:
    """A child that starts a loop of its own does not take the parent's answers."""
    stub.answer = lambda request: Answer(200, device(), delay=0.3)

    async def main() -> None:
        under_way = asyncio.create_task(later.devices.get("acme", "warehouse", "7"))
        await asyncio.sleep(0.1)

        def work() -> None:
            asyncio._set_running_loop(None)
            found = asyncio.new_event_loop().run_until_complete(later.devices.get("acme", "warehouse", "8"))
            assert found.name == "Picker 7"

        assert await asyncio.to_thread(in_child, work) == 0
        assert (await under_way).name == "Picker 7"

    asyncio.run(main())
    assert len(stub.requests) == 2
