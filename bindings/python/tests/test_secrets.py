"""Canaries: secrets that occur nowhere else, looked for wherever a program shows what it has (B7, B8, ARTOS-9).

Each scene uses its secrets in earnest against a server that sends them back, and each outlet shows what came of it. A
program's own frames are its own affair: what is looked at are the frames, objects and messages of this package.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import pprint
import subprocess
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from _pytest._io.saferepr import saferepr
from arrotech import Arrotech, AsyncArrotech
from bitting import BittingError
from roboticks import AsyncRoboticks, Roboticks
from stub import Answer, Request, Stub, device

KEY, TOKEN, PASSWORD = "rbtk_test_canary_key_5f1d", "canary.token.77ab", "canary-password-19c4"
SECRET, COOKIE, HEADER = "canary-client-secret-c0de", "canary-cookie-4b1e", "canary-header-e3a7"
ACCESS, QUERY, REFRESH = "canary.access.token.e0f2", "canary-query-key-ab12", "canary-refresh-9d3f"
CANARIES = (KEY, TOKEN, PASSWORD, SECRET, COOKIE, HEADER, ACCESS, QUERY, REFRESH)
WAYS: dict[str, dict[str, Any]] = {
    "key": {"api_key": KEY},
    "token": {"token": TOKEN},
    "login": {"username": "ada@acme.example", "password": PASSWORD},
    "header": {"default_headers": {"Authorization": f"Bearer {HEADER}", "Cookie": f"session={COOKIE}"}},
}
OURS = ("/bitting/", "/roboticks/", "/arrotech/")


@dataclass
class Scene:
    """What came of a use of secrets: objects, and an exception if it failed."""

    objects: list[Any]
    error: BaseException | None = None


def echo(request: Request) -> Answer:
    """Refuses, sends back the credentials and the body that it was sent, and sets a cookie. A login gets a token."""
    if request.path.endswith("/auth/login"):
        granted = {"access_token": ACCESS, "token_type": "bearer", "expires_in": 3600, "refresh_token": REFRESH}
        return Answer(200, granted, {"Set-Cookie": f"session={COOKIE}"})
    credentials = [request.headers.get(name, "") for name in ("authorization", "x-api-key", "cookie")]
    sent = " ".join([*credentials, request.body.decode()])
    return Answer(401, {"detail": f"you sent {sent}"}, {"Set-Cookie": f"session={COOKIE}"})


def refused_calls(stub: Stub) -> Iterator[Scene]:
    """Every way to be let in, refused, in both clients; secrets in headers, queries and bodies of the call too."""
    extra: dict[str, Any] = {"extra_headers": {"X-Secret": HEADER}, "extra_query": {"key": QUERY}}
    for way, credentials in WAYS.items():
        options = {"base_url": stub.url, "environment": {}, "max_retries": 0, **credentials}
        client = Roboticks(**options)
        twin = client.with_options(default_headers={"X-Twin": HEADER})
        for one in (client, twin):
            yield Scene([one, one.devices], failure(lambda one=one: one.devices.get("acme", "warehouse", "7")))
        yield Scene([client], failure(lambda: client.devices.list("acme", "warehouse", **extra)))
        yield Scene([client], failure(lambda: client.auth.login(email="ada", password=PASSWORD, timeout=-1)))
        later = AsyncRoboticks(**options)

        async def calls(later: AsyncRoboticks = later) -> list[Any]:
            both = later.devices.get("acme", "warehouse", "7"), later.devices.list("acme", "warehouse", **extra)
            return await asyncio.gather(*both, return_exceptions=True)

        for error in asyncio.run(calls(), debug=True):
            yield Scene([later, later.devices, way], error)


def wrong_arguments(stub: Stub) -> Iterator[Scene]:
    """What is refused before it is sent, by Python, by the encoder and by the core."""
    client = Roboticks(base_url=stub.url, api_key=KEY, environment={})
    secret = {"X-Secret": HEADER}
    app = Arrotech(base_url=stub.url, client_id="app", client_secret=SECRET, scopes=["data:read"], environment={})
    calls: list[Callable[[], Any]] = [
        lambda: client.devices.get("acme", "warehouse", "..", extra_headers=secret),
        lambda: client.devices.get("acme", "warehouse", "7", extra_headers={**secret, "bad name": "x"}),
        lambda: client.devices.get("acme", "warehouse", "7", extra_headers=HEADER),  # type: ignore[arg-type]
        lambda: client.devices.get("acme", "warehouse", "7", extra_headers=secret, limt=1),  # type: ignore[call-arg]
        lambda: client.devices.get("acme", "warehouse", "7", extra_headers={"X": HEADER, "Y": object()}),  # type: ignore[dict-item]
        lambda: client.auth.login(email=object(), password=PASSWORD),  # type: ignore[arg-type]
        lambda: client.auth.login(email="ada", password=PASSWORD, idempotency_key=7),  # type: ignore[arg-type]
        lambda: client.call("login", body={"password": PASSWORD, "email": object()}),
        lambda: client.call("logn", body={"password": PASSWORD}),
        lambda: client.with_options(default_headers=secret).devices.get("acme", "warehouse", "..", extra_headers=secret),
        lambda: client.with_options(username="ada", token=TOKEN),
        lambda: Roboticks(base_url=stub.url, api_key=KEY, default_headers={"X": HEADER, "Y": object()}),  # type: ignore[dict-item]
        lambda: Roboticks(base_url=f"https://ada:{PASSWORD}@x.example", api_key=f"{KEY} {KEY}"),
        lambda: Roboticks(base_url="not a url", username="ada", password=PASSWORD, environment={}),
        lambda: Roboticks(apikey=KEY, token=TOKEN),  # type: ignore[call-arg]
        lambda: Roboticks(api_key=KEY.encode()),  # type: ignore[arg-type]
        lambda: app.auth.create_token(
            grant_type="client_credentials", client_id="app", client_secret=SECRET, scope=object()  # type: ignore[arg-type]
        ),
        lambda: app.providers.list(),
    ]
    for call in calls:
        yield Scene([client, app], failure(call))


def answers(stub: Stub) -> Iterator[Scene]:
    """Successes that hold secrets, as they should be, and as they should not."""
    client = Roboticks(base_url=stub.url, api_key=KEY, environment={}, response_validation="strict")
    stub.answer = lambda request: Answer(200, {"access_token": ACCESS, "token_type": "bearer", "expires_in": 3600})
    granted = client.auth.login(email="ada@acme.example", password=PASSWORD)
    raw = client.auth.with_raw_response.login(email="ada@acme.example", password=PASSWORD)
    yield Scene([granted, raw, raw.headers, client.auth.explain(), client.rate_limit])
    bodies: list[Any] = [
        {"access_token": ACCESS, "expires_in": "soon"},
        f'{{"access_token": "{ACCESS}"'.encode(),
        f'{{"access_token": "{ACCESS}"'.encode() + b"\xff",
    ]
    for body in bodies:
        stub.answer = lambda request, body=body: Answer(200, body, {"Set-Cookie": f"session={COOKIE}"})
        yield Scene([], failure(lambda: client.auth.login(email="ada@acme.example", password=PASSWORD)))
    lenient = Roboticks(base_url=stub.url, api_key=KEY, environment={})
    stub.answer = lambda request: Answer(200, bodies[0])
    yield Scene([lenient.auth.login(email="ada@acme.example", password=PASSWORD)])
    stub.answer = lambda request: Answer(200, {**device(), "id": 7, "name": [TOKEN]})
    yield Scene([lenient], failure(lambda: client.devices.get("acme", "warehouse", "7")))


def apps(stub: Stub) -> Iterator[Scene]:
    """An OAuth client that is refused, and one whose tokens are."""
    stub.answer = echo
    options: dict[str, Any] = {"client_id": "app", "client_secret": SECRET, "base_url": stub.url, "environment": {}}
    for kind in ("oauth", "basic"):
        client = Arrotech(**options)
        yield Scene([client, client.providers, kind], failure(lambda client=client: client.providers.list()))
    later = AsyncArrotech(**options)

    async def call() -> Any:
        return await later.providers.list()

    yield Scene([later], failure(lambda: asyncio.run(call(), debug=True)))


def failure(call: Callable[[], Any]) -> BaseException:
    """The exception that ``call`` ends with."""
    try:
        call()
    except BaseException as error:  # noqa: B902
        return error
    raise AssertionError("it succeeded")


def shown(scene: Scene) -> Iterator[tuple[str, str]]:
    """What every outlet shows of a scene, by its name."""
    things = [*scene.objects, *([] if scene.error is None else [scene.error])]
    for thing in things:
        yield "repr, str, format", f"{thing!r} {thing} {[thing]!r}"
        yield "vars", f"{getattr(thing, '__dict__', {})!r}"
        yield "pprint", pprint.pformat(getattr(thing, "__dict__", thing))
        for name in ("_settings", "_defaults", "_session", "_client", "_call", "_reply"):
            yield name, repr(getattr(thing, name, None))
        yield "pytest", saferepr(thing)
    if scene.error is not None:
        yield "traceback", "".join(traceback.format_exception(scene.error))
        for link in chain(scene.error):
            yield "traceback with variables", frames(link)
            yield "pytest --showlocals", reported(link)
            yield "notes and arguments", f"{link.args!r} {getattr(link, '__notes__', None)!r} {link.__context__!r}"
        yield "logging.exception", logged(scene.error)
        if isinstance(scene.error, BittingError):
            yield "pickle", repr(pickle.loads(pickle.dumps(scene.error)))


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception with its causes and contexts, suppressed ones too: crash reporters follow all of them."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and link not in seen:
            seen.append(link)
            waiting += [link.__cause__, link.__context__]
    return iter(seen)


def frames(error: BaseException) -> str:
    """The variables of this package's frames in the traceback of ``error``, as crash reporters send them."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in found.stack if any(folder in frame.filename for folder in OURS)]
    return "\n".join(f"{frame.name}: {frame.locals}" for frame in ours)


def reported(error: BaseException) -> str:
    """What ``pytest --showlocals`` says of the package's frames."""
    info = pytest.ExceptionInfo.from_exception(error)

    def ours(found: pytest.ExceptionInfo[BaseException]) -> Any:
        return found.traceback.filter(lambda entry: any(folder in str(entry.path) for folder in OURS))

    return str(info.getrepr(showlocals=True, tbfilter=ours)) if any(ours(info)) else ""


def logged(error: BaseException) -> str:
    """What ``logging.exception`` writes."""
    record = logging.LogRecord("test", logging.ERROR, "x", 1, "it failed", (), (type(error), error, error.__traceback__))
    return logging.Formatter().format(record)


@pytest.mark.parametrize("scenes", [refused_calls, wrong_arguments, answers, apps])
def test_no_canary_is_shown(
    stub: Stub, scenes: Callable[[Stub], Iterator[Scene]], caplog: pytest.LogCaptureFixture
) -> None:
    """B7, B8, ARTOS-9: 0 hits in whatever shows a client, a credential, an exception, a response or a request."""
    stub.answer = echo
    hits, count = [], 0
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for scene in scenes(stub):
            for outlet, text in shown(scene):
                count += len(text)
                hits += [f"{outlet}: {canary} in {text}" for canary in CANARIES if canary in text]
    text = caplog.text + " ".join(str(one.message) for one in warned)
    hits += [f"log: {canary}" for canary in CANARIES if canary in text]
    assert hits == []
    assert count > 1_000, "something was looked at"
    assert "answered" in caplog.text or "failed" in caplog.text, "calls are logged at this level"


def test_what_holds_credentials_cannot_be_pickled_or_copied(stub: Stub) -> None:
    """B7: nothing puts a client into a file or a queue."""
    for client in (Roboticks(api_key=KEY, base_url=stub.url), AsyncRoboticks(api_key=KEY, base_url=stub.url)):
        for hidden in (client, client._settings, client._session, client.devices):
            for take in (pickle.dumps, copy.deepcopy):
                with pytest.raises(TypeError, match="pickle"):
                    take(hidden)
        with pytest.raises(TypeError, match="it holds credentials; make one in each process"):
            copy.copy(client)


PROGRAM = """
import faulthandler, logging, os, sys, threading
logging.basicConfig(level=logging.DEBUG)
from roboticks import Roboticks
client = Roboticks(base_url=sys.argv[1], username="ada@acme.example", password=os.environ["CANARY"], environment={})
def call():
    client.devices.get("acme", "warehouse", "7", extra_headers={"X-Secret": os.environ["CANARY"]})
if sys.argv[2] == "uncaught":
    call()
elif sys.argv[2] == "thread":
    threading.Thread(target=call).start()
elif sys.argv[2] == "asyncio":
    import asyncio
    from roboticks import AsyncRoboticks
    async def main():
        later = AsyncRoboticks(base_url=sys.argv[1], token=os.environ["CANARY"], environment={})
        lost = asyncio.create_task(later.devices.get("acme", "warehouse", "7"))
        await asyncio.sleep(0.5)
        del lost
    asyncio.run(main(), debug=True)
elif sys.argv[2] == "crash":
    faulthandler.enable()
    try:
        call()
    except Exception:
        pass
    os.abort()
"""


@pytest.mark.parametrize("way", ["uncaught", "thread", "asyncio", "crash"])
def test_a_program_that_dies_shows_no_canary(stub: Stub, way: str) -> None:
    """B8: an exception that nobody caught, one of a thread, one that asyncio found (debug mode), and a crash."""
    stub.answer = echo
    environment = {**os.environ, "CANARY": PASSWORD, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONASYNCIODEBUG": "1"}
    command = [sys.executable, "-X", "dev", "-c", textwrap.dedent(PROGRAM), stub.url, way]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    output = done.stdout + done.stderr
    # The program's own source names the variable, never its value.
    assert not [canary for canary in CANARIES if canary in output], output
    assert {"uncaught": "AuthenticationError", "thread": "AuthenticationError"}.get(way, "") in output
    assert {"asyncio": "never retrieved", "crash": "Fatal Python error"}.get(way, "") in output
