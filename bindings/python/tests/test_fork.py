"""A client survives a fork on both sides, and the two never share a connection."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

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


def worker(client: Roboticks, number: int, names: multiprocessing.Queue[str]) -> None:
    """What a process of a pool does with the client that it inherited."""
    for _ in range(5):
        names.put(f"{number} {client.devices.get('acme', 'warehouse', '7').name}")


def test_multiprocessing_with_a_live_client(stub: Stub) -> None:
    """E7: processes that `multiprocessing` forks share a live client, whose login each of them makes for itself."""
    granted = {"access_token": "fake.token.1", "token_type": "bearer", "expires_in": 3600}
    stub.answer = lambda request: Answer(200, granted if request.path.endswith("/login") else device())
    client = Roboticks(base_url=stub.url, username="ada@acme.example", password="fake-password", environment={})
    assert client.devices.get("acme", "warehouse", "7").name == "Picker 7"
    context = multiprocessing.get_context("fork")
    names: multiprocessing.Queue[str] = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        processes = [context.Process(target=worker, args=(client, number, names)) for number in range(4)]
        for process in processes:
            process.start()
    found = sorted(names.get(timeout=30) for _ in range(20))
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert found == sorted(f"{number} Picker 7" for number in range(4) for _ in range(5))
    assert client.devices.get("acme", "warehouse", "7").name == "Picker 7"
    gets = [request for request in stub.requests if request.method == "GET"]
    assert len({request.peer for request in gets}) == 5, "the parent and each child have one connection"
    assert len([request for request in stub.requests if request.path.endswith("/login")]) == 5


PREFORK = """
import asyncio, os, signal, sys, threading, time
from roboticks import AsyncRoboticks, Roboticks
# As gunicorn does with --preload: clients are made and used once, then the workers fork, and a dead one is replaced.
client = Roboticks(base_url=sys.argv[1], api_key="rbtk_test_prefork", environment={})
later = AsyncRoboticks(base_url=sys.argv[1], api_key="rbtk_test_prefork", environment={})
get = lambda one: one.devices.get("acme", "warehouse", "7")
async def crowd(): assert len(await asyncio.gather(*(get(later) for _ in range(20)))) == 20
get(client)
asyncio.run(crowd())
def work():
    threads = [threading.Thread(target=get, args=(client,)) for _ in range(8)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    asyncio.run(crowd())
def fork():
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            if len(sys.argv) > 2 and os.path.exists(sys.argv[2]): os.remove(sys.argv[2]); os.kill(os.getpid(), signal.SIGKILL)
            code = 0
        finally:
            os._exit(code)
    return pid
alive, ended = {fork() for _ in range(4)}, []
while alive:
    pid, status = os.wait()
    alive.discard(pid)
    ended.append(os.waitstatus_to_exitcode(status))
    if ended[-1] == -signal.SIGKILL: alive.add(fork())
get(client)
asyncio.run(crowd())
print(sorted(ended))
"""


def test_workers_that_fork_before_they_serve(stub: Stub, tmp_path: Path) -> None:
    """E7: a program that uses its clients, forks workers with threads and loops, and replaces one that is killed."""
    stub.answer = lambda request: Answer(200, device())
    (tmp_path / "victim").touch()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PREFORK, stub.url, str(tmp_path / "victim")]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{[-int(signal.SIGKILL), 0, 0, 0, 0]}\n"
    assert len(stub.requests) == 2 * 21 + 5 * 28
