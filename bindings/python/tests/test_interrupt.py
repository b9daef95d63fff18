"""Ctrl-C and signals while a call waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from roboticks import Roboticks
from stub import Answer, Stub, device

CALL = """
import sys
from roboticks import Roboticks
client = Roboticks(base_url=sys.argv[1], api_key="rbtk_test_key", environment={})
try:
    client.devices.get("acme", "warehouse", "7", timeout=30.0)
except KeyboardInterrupt:
    sys.exit(42)
"""
AWAIT = """
import asyncio, sys
from roboticks import AsyncRoboticks
async def main():
    client = AsyncRoboticks(base_url=sys.argv[1], api_key="rbtk_test_key", environment={})
    await client.devices.get("acme", "warehouse", "7", timeout=30.0)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(42)
"""


@pytest.mark.parametrize("program", [CALL, AWAIT], ids=["sync", "async"])
def test_ctrl_c_ends_a_call(stub: Stub, program: str) -> None:
    """A call that waits for the server ends within a second of SIGINT, with KeyboardInterrupt."""
    stub.answer = lambda request: Answer(200, device(), delay=20.0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen([sys.executable, "-c", program, stub.url], env=environment)
    try:
        deadline = time.monotonic() + 20
        while not stub.requests and time.monotonic() < deadline:
            time.sleep(0.02)
        started = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.wait(5) == 42
        assert time.monotonic() - started < 1
    finally:
        child.kill()
        child.wait()


def test_a_signal_handler_may_call(stub: Stub, client: Roboticks) -> None:
    """A handler that runs while a call waits can make a call of its own."""
    stub.answer = lambda request: Answer(200, device(), delay=0.4 if request.path.endswith("/7") else 0.0)
    inner: list[str] = []
    before = signal.signal(signal.SIGALRM, lambda *_: inner.append(client.devices.get("acme", "warehouse", "8").name))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert client.devices.get("acme", "warehouse", "7").name == "Picker 7"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert inner == ["Picker 7"]


def test_what_a_handler_raises_comes_out(stub: Stub, client: Roboticks) -> None:
    """Not only KeyboardInterrupt: a handler's own exception ends the call, and the next call works."""
    stub.answer = lambda request: Answer(200, device(), delay=3.0 if len(stub.requests) == 1 else 0.0)

    def stop(*_: object) -> None:
        raise TimeoutError("the alarm")

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(TimeoutError, match="the alarm"):
            client.devices.get("acme", "warehouse", "7")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert client.devices.get("acme", "warehouse", "7").name == "Picker 7"
