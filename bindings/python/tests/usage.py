"""What a type checker must understand of a generated client. It is checked by ``test_types.py`` and never run."""

from __future__ import annotations

import datetime

from bitting import NOT_GIVEN, AsyncPage, CredentialReport, RateLimit, RawResponse, SyncPage
from roboticks import AsyncRoboticks, Roboticks
from roboticks.models import Device, DevicePage, TokenResponse
from typing_extensions import assert_type


def synchronous(client: Roboticks) -> None:
    """Methods, pages, raw answers, options."""
    assert_type(client.devices.get("acme", "warehouse", "7"), Device)
    assert_type(client.devices.get("acme", "warehouse", "7").created_at, datetime.datetime)
    assert_type(client.devices.list("acme", "warehouse", limit=10, timeout=5.0), SyncPage[Device])
    for found in client.devices.list("acme", "warehouse", limit=NOT_GIVEN):
        assert_type(found, Device)
    assert_type(client.devices.with_raw_response.get("acme", "warehouse", "7"), RawResponse[Device])
    assert_type(client.devices.with_raw_response.list("acme", "warehouse").parse(), SyncPage[Device])
    assert_type(client.auth.login(email="ada@example.com", password="test"), TokenResponse)
    assert_type(client.with_options(max_retries=0), Roboticks)
    assert_type(client.auth.explain(), list[CredentialReport])
    assert_type(client.rate_limit, RateLimit | None)
    client.devices.create("acme", "warehouse", name="a", serial_number="b", status="a-newer-status")


async def asynchronous(client: AsyncRoboticks) -> None:
    """The same, awaited."""
    assert_type(await client.devices.get("acme", "warehouse", "7"), Device)
    assert_type(await client.devices.list("acme", "warehouse"), AsyncPage[Device])
    async for found in client.devices.list("acme", "warehouse"):
        assert_type(found, Device)
    assert_type(await client.devices.with_raw_response.get("acme", "warehouse", "7"), RawResponse[Device])
    assert_type(client.auth.explain(), list[CredentialReport])
    raw = await client.devices.with_raw_response.list("acme", "warehouse")
    assert_type(raw.parse(), AsyncPage[Device])


def refused(client: Roboticks, page: DevicePage) -> None:
    """Each line is an error: where a checker finds none, the ignore itself is one."""
    client.devices.get("acme", "warehouse")  # type: ignore[call-arg]
    client.devices.get("acme", "warehouse", 7)  # type: ignore[arg-type]
    client.devices.list("acme", "warehouse", limit="10")  # type: ignore[arg-type]
    client.devices.list("acme", "warehouse", time_out=5.0)  # type: ignore[call-arg]
    client.devices.create("acme", "warehouse", name="a")  # type: ignore[call-arg]
    Roboticks(apikey="rbtk_test_key")  # type: ignore[call-arg]
    print(page.itmes)  # type: ignore[attr-defined]
