"""The clients against the reference server: logins that end, keys that are revoked, limits, and what others may see."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bitting
import pytest
from reference import Reference
from roboticks import AsyncRoboticks, Roboticks

HOUR = 3601


@pytest.fixture(scope="module")
def server() -> Iterator[Reference]:
    """One server for the module."""
    server = Reference("roboticks")
    yield server
    server.close()


@pytest.fixture
def reference(server: Reference) -> Reference:
    """The server as it began."""
    server.control("POST", "/v1/reset")
    server.control("PUT", "/v1/rate-limits", None)
    return server


def login(reference: Reference, name: str = "ada") -> dict[str, Any]:
    """The arguments of a client that logs in."""
    user = reference.users[name]
    return {"base_url": reference.url, "username": user["email"], "password": user["password"], "environment": {}}


def key(reference: Reference, name: str = "ada") -> dict[str, Any]:
    """The arguments of a client with an API key."""
    return {"base_url": reference.url, "api_key": reference.keys[name]["secret"], "environment": {}}


def test_a_day_of_a_client(reference: Reference) -> None:
    """ROBOTICKS-2, ROBOTICKS-3, ROBOTICKS-5: login, a page boundary, an expired token, a 429."""
    with Roboticks(**login(reference)) as client:
        names = [device.name for device in client.devices.list("acme", "warehouse", limit=20)]
        assert len(names) == 45
        reference.control("POST", "/v1/clock/advance", {"seconds": HOUR})
        assert len(client.devices.list("acme", "warehouse").items) == 20
        assert ("listDevices", 401) in reference.operations()
        reference.control("PUT", "/v1/rate-limits", {"limit": 1, "window": 2})
        raw = [client.devices.with_raw_response.list("acme", "warehouse", limit=1) for _ in range(2)]
        assert [answer.status_code for answer in raw] == [200, 200]
        assert max(answer.waited for answer in raw) > 0


def test_the_same_day_awaited(reference: Reference) -> None:
    """ROBOTICKS-2, ROBOTICKS-3, ROBOTICKS-5: the asynchronous client does the same."""

    async def main() -> None:
        async with AsyncRoboticks(**login(reference)) as client:
            names = [device.name async for device in client.devices.list("acme", "warehouse", limit=20)]
            assert len(names) == 45
            reference.control("POST", "/v1/clock/advance", {"seconds": HOUR})
            found = await asyncio.gather(*(client.devices.list("acme", "warehouse") for _ in range(20)))
            assert {page.total for page in found} == {45}

    asyncio.run(main())
    counts = Counter(reference.operations())
    assert counts["login", 200] + counts["refreshToken", 200] == 2, "twenty refusals renew the token once (A10)"


def test_a_device_lives_and_goes(reference: Reference) -> None:
    """ROBOTICKS-9: create, read, update, list, delete."""
    with Roboticks(**key(reference)) as client:
        made = client.devices.create("acme", "warehouse", name="Picker 7", serial_number="RBT-TEST-0007")
        changed = client.devices.update("acme", "warehouse", made.id, status="maintenance", tags=["aisle-3"])
        assert (changed.status, changed.tags, changed.name) == ("maintenance", ["aisle-3"], "Picker 7")
        assert client.devices.get("acme", "warehouse", made.id) == changed
        assert made.id in {device.id for device in client.devices.list_organization("acme", limit=100)}
        client.devices.delete("acme", "warehouse", made.id)
        with pytest.raises(bitting.NotFoundError):
            client.devices.get("acme", "warehouse", made.id)
        with pytest.raises(bitting.UnprocessableEntityError):
            client.devices.create("acme", "warehouse", name="", serial_number="no")


def test_who_may_do_what(reference: Reference) -> None:
    """ROBOTICKS-6, ROBOTICKS-7: another organization, a read-only user, a revoked key."""
    with (
        Roboticks(**key(reference, "eve")) as client,
        pytest.raises((bitting.PermissionDeniedError, bitting.NotFoundError)),
    ):
        client.devices.list("acme", "warehouse")
    with Roboticks(**key(reference, "bob")) as client:
        assert client.devices.list("acme", "warehouse").total == 45
        with pytest.raises(bitting.PermissionDeniedError, match="Not enough permissions"):
            client.devices.create("acme", "warehouse", name="Picker 7", serial_number="RBT-TEST-0007")
    with Roboticks(**key(reference)) as client:
        assert client.devices.list("acme", "warehouse").total == 45
        reference.control("POST", f"/v1/keys/{reference.keys['ada']['id']}/revoke")
        with pytest.raises(bitting.AuthenticationError, match="Could not validate credentials") as caught:
            client.devices.list("acme", "warehouse")
        assert reference.keys["ada"]["secret"] not in str(caught.value)


def test_64_threads_log_in_once(reference: Reference) -> None:
    """A1: however many threads need a token at the same time, one fetches it."""
    with Roboticks(**login(reference)) as client, ThreadPoolExecutor(64) as pool:
        totals = set(pool.map(lambda _: client.devices.list("acme", "warehouse").total, range(128)))
    assert totals == {45}
    assert Counter(reference.operations())["login", 200] == 1


def test_the_wait_is_not_endless(reference: Reference) -> None:
    """ROBOTICKS-5: a wait that is longer than the deadline is not begun."""
    with Roboticks(**key(reference)) as client:
        client.devices.list("acme", "warehouse")
        reference.control("POST", "/v1/rate-limits/exhaust")
        with pytest.raises(bitting.RateLimitError) as caught:
            client.devices.list("acme", "warehouse", deadline=0.5)
        assert caught.value.retry_after is not None and caught.value.retry_after > 0.5
