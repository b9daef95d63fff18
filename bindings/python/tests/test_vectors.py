"""The behaviours that all languages share (``spec/vectors``), run by both clients against a scripted server.

What each proves stands in the vector. Rust and Node run the same files.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import bitting
import pytest
from stub import Answer, Request, Stub

FOLDER = Path(__file__).parents[3] / "spec" / "vectors"
VECTORS = [
    pytest.param(vector, id=f"{path.stem}: {vector['name']}")
    for path in sorted(FOLDER.glob("*.json"))
    for vector in json.loads(path.read_text())["vectors"]
]
KINDS: dict[str, type[bitting.BittingError]] = {
    "config": bitting.ConfigError,
    "credentials": bitting.CredentialsError,
    "request": bitting.RequestError,
    "connection": bitting.APIConnectionError,
    "timeout": bitting.APITimeoutError,
    "rate_limited": bitting.RateLimitError,
    "api": bitting.APIStatusError,
    "decode": bitting.APIResponseValidationError,
    "token": bitting.TokenRefreshError,
}
SECRETS = ("api_key", "token", "password", "client_secret")
CLIENT = {*SECRETS, "base_url", "username", "client_id", "scopes", "max_retries", "deadline", "headers"}


class Script:
    """Answers requests as a vector says, and remembers those that it does not know."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.exchanges = [{**exchange, "seen": 0} for exchange in vector.get("exchanges", [])]
        self.is_unordered = vector.get("unordered", False)
        self.surprises: list[str] = []
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """The answer of the exchange that ``request`` is."""
        with self._lock:
            reasons = []
            for exchange in self.exchanges:
                least, most = bounds(exchange)
                if exchange["seen"] == most:
                    continue
                reason = difference(exchange["request"], request)
                if reason is None:
                    exchange["seen"] += 1
                    response = exchange["response"]
                    return Answer(response["status"], response.get("json"), response.get("headers", {}))
                reasons.append(reason)
                if not self.is_unordered and exchange["seen"] < least:
                    break
            self.surprises.append(f"{request.method} {request.path}: {'; '.join(reasons)}")
            return Answer(599)


def bounds(exchange: dict[str, Any]) -> tuple[int, int]:
    """How many requests an exchange stands for: at least, at most."""
    times = exchange.get("times", 1)
    return (times, times) if isinstance(times, int) else (times[0], times[1])


def difference(expected: dict[str, Any], request: Request) -> str | None:
    """Why ``request`` is not the expected one."""
    target = request.path + (f"?{request.query}" if request.query else "")
    if (request.method, target) != (expected["method"], expected["target"]):
        return f"{request.method} {target}"
    for name, value in expected.get("headers", {}).items():
        if request.headers.get(name.lower()) != value:
            return f"{name}: {request.headers.get(name.lower())!r}"
    for name in expected.get("without", ()):
        if name.lower() in request.headers:
            return f"{name} is there"
    if "form" in expected and dict(parse_qsl(request.body.decode())) != expected["form"]:
        return f"body {request.body!r}"
    if "json" in expected and (not request.body or request.json() != expected["json"]):
        return f"body {request.body!r}"
    return None


def check(expected: dict[str, Any], outcome: Any, secrets: list[str]) -> None:
    """Whether a call ended as it should."""
    if isinstance(outcome, BaseException):
        assert "error" in expected, repr(outcome)
        assert isinstance(outcome, KINDS[expected["error"]])
        if "status" in expected:
            assert outcome.status_code == expected["status"]  # type: ignore[attr-defined]
        assert expected.get("mentions", "") in str(outcome)
        assert not [secret for secret in secrets if secret in f"{outcome} {outcome!r} {vars(outcome)}"]
        return
    assert "error" not in expected, "it succeeded"
    assert outcome.status_code == expected["status"]
    if "json" in expected:
        assert outcome.json() == expected["json"]


def outcomes(client: Any, step: dict[str, Any]) -> Iterator[Any]:
    """How the calls of a step end, all of them at once."""
    body = step.get("json", bitting.NOT_GIVEN)
    times = step.get("together", 1)

    def call(_: int) -> Any:
        try:
            return client.call(step["call"], step.get("arguments"), body=body)
        except bitting.BittingError as error:
            return error

    async def calls() -> list[Any]:
        waiting = (client.call(step["call"], step.get("arguments"), body=body) for _ in range(times))
        return await asyncio.gather(*waiting, return_exceptions=True)

    if isinstance(client, bitting.AsyncClient):
        return iter(asyncio.run(calls()))
    with ThreadPoolExecutor(times) as pool:
        return pool.map(call, range(times))


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("vector", VECTORS)
def test_vector(stub: Stub, vector: dict[str, Any], kind: str) -> None:
    """A vector holds for this kind of client."""
    options = dict(vector.get("client", {}))
    assert options.keys() <= CLIENT, "this runner knows every member of a client"
    secrets = [options[name].strip() for name in SECRETS if name in options]
    if "headers" in options:
        options["default_headers"] = options.pop("headers")
    options = {"base_url": stub.url, "environment": vector.get("environment", {}), **options}
    name = ("Async" if kind == "async" else "") + vector["api"].capitalize()
    made = getattr(import_module(vector["api"]), name)
    if "open" in vector:
        with pytest.raises(KINDS[vector["open"]]):
            made(**options)
        return
    script = Script(vector)
    stub.answer = script.answer
    client = made(**options)
    for step in vector["steps"]:
        if "wait" in step:
            time.sleep(step["wait"])
            continue
        for outcome in outcomes(client, step):
            check(step["expect"], outcome, secrets)
    assert script.surprises == []
    for exchange in script.exchanges:
        least, most = bounds(exchange)
        assert least <= exchange["seen"] <= most, exchange["request"]
