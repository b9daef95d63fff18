"""Calls per second of one Python HTTP client: clients.py CLIENT BASE_URL SECONDS prints a line of JSON for each case.

Every call lists the devices of a project and reads them: our client as typed objects, the others as ``json.loads`` of
the body. One call at a time, then 64 in flight (threads, or tasks), each with a page of 0.3 KB and one of 10 KB.
``cargo xtask bench`` runs it against the server of fixed pages.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PATH = "/api/v1/organizations/acme/projects/{}/devices"
KEY = "rbtk_test_bench_0000000000000000"
HEADERS = {"authorization": f"Bearer {KEY}"}
PROJECTS = ("warehouse", "factory")
IN_FLIGHT = (1, 64)
WARM_UP = 0.5

Call = Callable[[], Any]
AsyncCall = Callable[[], Awaitable[Any]]


def bitting(base_url: str, project: str) -> Call:
    from roboticks import Roboticks

    client = Roboticks(base_url=base_url, api_key=KEY)
    return lambda: client.devices.list("acme", project).items


def httpx_sync(base_url: str, project: str) -> Call:
    import httpx

    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    client = httpx.Client(base_url=base_url, headers=HEADERS, limits=limits, trust_env=False)
    path = PATH.format(project)
    return lambda: json.loads(client.get(path).raise_for_status().content)["items"]


def requests_sync(base_url: str, project: str) -> Call:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.trust_env = False
    session.headers.update(HEADERS)
    session.mount("http://", HTTPAdapter(pool_connections=64, pool_maxsize=64))
    url = base_url + PATH.format(project)

    def call() -> Any:
        answer = session.get(url)
        answer.raise_for_status()
        return json.loads(answer.content)["items"]

    return call


def bitting_async(base_url: str, project: str) -> AsyncCall:
    from roboticks import AsyncRoboticks

    client = AsyncRoboticks(base_url=base_url, api_key=KEY)

    async def call() -> Any:
        return (await client.devices.list("acme", project)).items

    return call


def httpx_async(base_url: str, project: str) -> AsyncCall:
    import httpx

    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    client = httpx.AsyncClient(base_url=base_url, headers=HEADERS, limits=limits, trust_env=False)
    path = PATH.format(project)

    async def call() -> Any:
        return json.loads((await client.get(path)).raise_for_status().content)["items"]

    return call


def aiohttp_async(base_url: str, project: str) -> AsyncCall:
    import aiohttp

    session = aiohttp.ClientSession(headers=HEADERS, connector=aiohttp.TCPConnector(limit=64))
    url = base_url + PATH.format(project)

    async def call() -> Any:
        async with session.get(url, raise_for_status=True) as answer:
            return json.loads(await answer.read())["items"]

    return call


SYNC = {"bitting": bitting, "httpx": httpx_sync, "requests": requests_sync}
ASYNC = {
    "bitting-async": bitting_async,
    "bitting-async+uvloop": bitting_async,
    "httpx-async": httpx_async,
    "aiohttp": aiohttp_async,
    "aiohttp+uvloop": aiohttp_async,
}


def run_sync(call: Call, in_flight: int, seconds: float) -> int:
    """How many calls so many threads make in so many seconds."""
    counts = [0] * in_flight
    end = time.perf_counter() + seconds

    def work(index: int) -> None:
        count = 0
        while time.perf_counter() < end:
            call()
            count += 1
        counts[index] = count

    if in_flight == 1:
        work(0)
    else:
        threads = [threading.Thread(target=work, args=(index,)) for index in range(in_flight)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(counts)


async def run_async(call: AsyncCall, in_flight: int, seconds: float) -> int:
    """How many calls so many tasks make in so many seconds."""
    end = time.perf_counter() + seconds

    async def work() -> int:
        count = 0
        while time.perf_counter() < end:
            await call()
            count += 1
        return count

    return sum(await asyncio.gather(*(work() for _ in range(in_flight))))


class Stopwatch:
    """Time that passes, and the processor time that all threads of this process have meanwhile."""

    def __init__(self) -> None:
        self.start = time.perf_counter(), time.process_time()

    def report(self, client: str, project: str, in_flight: int, calls: int) -> None:
        seconds, cpu_seconds = time.perf_counter() - self.start[0], time.process_time() - self.start[1]
        line = {"client": client, "version": version_of(client), "project": project, "in_flight": in_flight, "calls": calls}
        print(json.dumps({**line, "seconds": seconds, "cpu_seconds": cpu_seconds}), flush=True)


def version_of(client: str) -> str | None:
    """The version of a peer, or of the loop; ours is not installed here but found where it stands."""
    try:
        return version(client.split("+")[-1].removesuffix("-async"))
    except PackageNotFoundError:
        return None


def check(items: Any, project: str) -> None:
    """Nothing is measured that does not do its work."""
    wanted = 1 if project == "warehouse" else 45
    if len(items) != wanted:
        raise SystemExit(f"error: {len(items)} devices of {project} instead of {wanted}")


def measure_sync(name: str, base_url: str, seconds: float) -> None:
    calls = {project: SYNC[name](base_url, project) for project in PROJECTS}
    for project, call in calls.items():
        check(call(), project)
        for in_flight in IN_FLIGHT:
            run_sync(call, in_flight, min(WARM_UP, seconds))
            watch = Stopwatch()
            watch.report(name, project, in_flight, run_sync(call, in_flight, seconds))


async def measure_async(name: str, base_url: str, seconds: float) -> None:
    calls = {project: ASYNC[name](base_url, project) for project in PROJECTS}
    for project, call in calls.items():
        check(await call(), project)
        for in_flight in IN_FLIGHT:
            await run_async(call, in_flight, min(WARM_UP, seconds))
            watch = Stopwatch()
            watch.report(name, project, in_flight, await run_async(call, in_flight, seconds))
    # The connections of the clients need no farewell.
    os._exit(0)


def main() -> None:
    arguments = sys.argv[1:]
    if len(arguments) != 3 or arguments[0] not in {**SYNC, **ASYNC}:
        raise SystemExit(f"usage: clients.py CLIENT BASE_URL SECONDS, CLIENT one of: {', '.join({**SYNC, **ASYNC})}")
    name, base_url, seconds = arguments[0], arguments[1], float(arguments[2])
    if name in SYNC:
        measure_sync(name, base_url, seconds)
    elif name.endswith("+uvloop"):
        import uvloop

        uvloop.run(measure_async(name, base_url, seconds))
    else:
        asyncio.run(measure_async(name, base_url, seconds))


if __name__ == "__main__":
    main()
