"""The asynchronous client: many calls at once, cancellation, and what happens to loops."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time

import pytest
from bitting import NotFoundError
from conftest import KEY
from roboticks import AsyncRoboticks
from stub import Answer, Stub, device, page


def test_200_calls_at_once(stub: Stub, later: AsyncRoboticks) -> None:
    """Each call gets its own answer, however many are under way."""
    stub.answer = lambda request: Answer(200, device(int(request.path.rsplit("/", 1)[1])))

    async def main() -> list[str]:
        calls = (later.devices.get("acme", "warehouse", str(number)) for number in range(200))
        return [found.name for found in await asyncio.gather(*calls)]

    assert asyncio.run(main()) == [f"Picker {number}" for number in range(200)]


def test_a_cancelled_task_closes_its_request(stub: Stub, later: AsyncRoboticks) -> None:
    """Whoever stops waiting also stops the request."""
    arrived, hung_up = threading.Event(), []

    def answer(request: object) -> None:
        arrived.set()
        hung_up.append(request.is_hung_up(5.0))  # type: ignore[attr-defined]

    stub.answer = answer

    async def main() -> None:
        task = asyncio.create_task(later.devices.get("acme", "warehouse", "7"))
        await asyncio.to_thread(arrived.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        deadline = time.monotonic() + 5
        while not hung_up and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert hung_up == [True]


def test_wait_for_ends_in_time(stub: Stub, later: AsyncRoboticks) -> None:
    """asyncio's own timeouts work, and the client goes on working after one."""
    stub.answer = lambda request: Answer(200, device(), delay=0.0 if len(stub.requests) > 1 else 3.0)

    async def main() -> str:
        started = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(later.devices.get("acme", "warehouse", "7"), 0.1)
        assert time.monotonic() - started < 1
        return (await later.devices.get("acme", "warehouse", "7")).name

    assert asyncio.run(main()) == "Picker 7"


def test_errors_are_raised_in_the_task(stub: Stub, later: AsyncRoboticks) -> None:
    """A failed call among others fails alone."""
    stub.answer = lambda request: (
        Answer(200, device()) if request.path.endswith("/7") else Answer(404, {"detail": "no"})
    )

    async def main() -> list[object]:
        calls = (later.devices.get("acme", "warehouse", name) for name in ("7", "8"))
        return await asyncio.gather(*calls, return_exceptions=True)

    found, missing = asyncio.run(main())
    assert found.name == "Picker 7"  # type: ignore[attr-defined]
    assert isinstance(missing, NotFoundError)


def test_pages_and_raw_answers(stub: Stub, later: AsyncRoboticks) -> None:
    """A list can be walked, awaited for its first page, or read raw."""

    def answer(request: object) -> Answer:
        offset = 2 if "offset=2" in request.query else 0  # type: ignore[attr-defined]
        return Answer(200, page(range(offset, min(offset + 2, 3)), 3, 2, offset))

    stub.answer = answer

    async def main() -> None:
        names = [found.name async for found in later.devices.list("acme", "warehouse", limit=2)]
        assert names == ["Picker 0", "Picker 1", "Picker 2"]
        first = await later.devices.list("acme", "warehouse", limit=2)
        assert (len(first.items), first.total, first.has_next_page()) == (2, 3, True)
        second = await first.next_page()
        assert [found.name for found in second.items] == ["Picker 2"]
        raw = await later.devices.with_raw_response.list("acme", "warehouse", limit=2)
        assert raw.json()["total"] == 3
        assert [found.name async for found in raw.parse()] == names

    asyncio.run(main())


def test_several_loops_in_several_threads(stub: Stub, later: AsyncRoboticks) -> None:
    """A client serves every loop: each has its own mailbox."""
    stub.answer = lambda request: Answer(200, device(int(request.path.rsplit("/", 1)[1])))
    names: dict[int, str] = {}

    def run(number: int) -> None:
        async def main() -> None:
            names[number] = (await later.devices.get("acme", "warehouse", str(number))).name

        asyncio.run(main())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert names == {number: f"Picker {number}" for number in range(8)}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts descriptors in /proc")
def test_closed_loops_leave_no_descriptor(stub: Stub, later: AsyncRoboticks) -> None:
    """The descriptor that a loop waits on is closed with the loop."""
    stub.answer = lambda request: Answer(200, device())

    async def main() -> None:
        await later.devices.get("acme", "warehouse", "7")

    asyncio.run(main())
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        asyncio.run(main())
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_loop_that_watches_no_descriptors(stub: Stub, later: AsyncRoboticks) -> None:
    """As the Proactor loop of Windows: it is woken by a call instead."""
    stub.answer = lambda request: Answer(200, device(int(request.path.rsplit("/", 1)[1])))

    class Proactor(asyncio.SelectorEventLoop):
        def add_reader(self, fd: object, callback: object, *args: object) -> None:
            raise NotImplementedError

    async def main() -> list[str]:
        calls = (later.devices.get("acme", "warehouse", str(number)) for number in range(20))
        return [found.name for found in await asyncio.gather(*calls)]

    loop = Proactor()
    try:
        assert loop.run_until_complete(main()) == [f"Picker {number}" for number in range(20)]
    finally:
        loop.close()


def test_without_asyncio_it_says_so(stub: Stub, later: AsyncRoboticks) -> None:
    """Outside of asyncio there is nobody to wake."""
    call = later.devices.get("acme", "warehouse", "7")
    with pytest.raises(RuntimeError, match="needs a running asyncio loop"):
        call.send(None)


def test_async_with_closes(stub: Stub) -> None:
    """`async with` closes the client."""

    async def main() -> None:
        async with AsyncRoboticks(base_url=stub.url, api_key=KEY, environment={}) as client:
            stub.answer = lambda request: Answer(200, device())
            await client.devices.get("acme", "warehouse", "7")
        with pytest.raises(Exception, match="closed"):
            await client.devices.get("acme", "warehouse", "7")

    asyncio.run(main())
