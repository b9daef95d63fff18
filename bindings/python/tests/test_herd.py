"""Crowds at the end of a token, and a login that was kept: what a client shares with everybody else."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from reference import Reference, bitting
from roboticks import AsyncRoboticks, Roboticks

HOUR = 3601


@pytest.fixture
def reference() -> Iterator[Reference]:
    """A server without a limit."""
    server = Reference("roboticks")
    server.control("PUT", "/v1/rate-limits", {"limit": 1_000_000, "window": 60})
    yield server
    server.close()


def ada(reference: Reference) -> dict[str, object]:
    """The arguments of a client that logs in."""
    user = reference.users["ada"]
    return {"base_url": reference.url, "username": user["email"], "password": user["password"], "environment": {}}


def logins(reference: Reference) -> int:
    """How often somebody logged in."""
    return reference.operations().count(("login", 200))


def test_two_hundred_threads_log_in_once(reference: Reference) -> None:
    """A1, A10: 200 threads whose token has ended share one new login."""
    with Roboticks(**ada(reference)) as client, ThreadPoolExecutor(200) as threads:  # type: ignore[arg-type]
        client.devices.list("acme", "warehouse", limit=1)
        reference.control("POST", "/v1/clock/advance", {"seconds": HOUR})
        calls = [threads.submit(client.devices.list, "acme", "warehouse", limit=1) for _ in range(200)]
        assert all(len(call.result(60).items) == 1 for call in calls)
    assert logins(reference) == 2


def test_two_thousand_tasks_log_in_once(reference: Reference) -> None:
    """A1, A10: 2,000 tasks of one loop whose token has ended share one new login."""

    async def crowd() -> None:
        async with AsyncRoboticks(**ada(reference)) as client:  # type: ignore[arg-type]
            await client.devices.list("acme", "warehouse", limit=1)
            reference.control("POST", "/v1/clock/advance", {"seconds": HOUR})

            async def one() -> int:
                return len((await client.devices.list("acme", "warehouse", limit=1)).items)

            assert await asyncio.gather(*(one() for _ in range(2_000))) == [1] * 2_000

    asyncio.run(crowd())
    assert logins(reference) == 2


def test_a_kept_login_serves_without_credentials(
    reference: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ROBOTICKS-8: `bitting login` keeps a token that a client without any credential uses."""
    monkeypatch.setenv("BITTING_CONFIG_DIR", str(tmp_path))
    for name in ("ROBOTICKS_API_KEY", "ROBOTICKS_TOKEN", "ROBOTICKS_EMAIL", "ROBOTICKS_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    user = reference.users["ada"]
    document = Path(__file__).resolve().parents[3] / "spec/openapi/roboticks.yaml"
    subprocess.run(
        [bitting(), "login", str(document), "--url", reference.url],
        env={**os.environ, "ROBOTICKS_EMAIL": user["email"], "ROBOTICKS_PASSWORD": user["password"]},
        check=True,
        capture_output=True,
        timeout=30,
    )
    with Roboticks(base_url=reference.url) as client:
        assert len(client.devices.list("acme", "warehouse", limit=3).items) == 3
    assert logins(reference) == 1
