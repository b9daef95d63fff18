"""The conformance suite and the reference server in tests.

:func:`check` runs the suite against an app and gives a :class:`CheckResult`. For one test for each check and operation,
name the document (the option ``bitting_document`` of pytest), make the run in a session fixture ``bitting_result``, and
take ``bitting_verdict``::

    @pytest.fixture(scope="session")
    def bitting_result(live_server):
        return check("openapi.yaml", url=live_server.url, credentials={"valid": {"secrets": {"ApiKey": KEY}}})

    def test_the_api(bitting_verdict):
        bitting_verdict.confirm()

:class:`ReferenceServer` is a process of ``bitting serve``, with one world per test.

As a pytest plugin it offers the fixtures ``bitting_server``, which runs for the whole session, and ``bitting``, the same
server with everything put back after each test. Which document is served says the option ``bitting_document`` of
pytest, or a fixture ``bitting_document`` of your own. The command is ``bitting`` on the path, or ``BITTING_BIN``. Each
worker of pytest-xdist starts its own server on ports of its own.
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from ._check import CheckError, CheckResult, Credentials, Finding, Verdict, check, command, planned, serve

__all__ = [
    "CheckError",
    "CheckResult",
    "ControlError",
    "Credentials",
    "Finding",
    "ReferenceServer",
    "Verdict",
    "bitting",
    "bitting_document",
    "bitting_result",
    "bitting_server",
    "bitting_verdict",
    "check",
    "planned",
    "serve",
]


class ControlError(Exception):
    """The control plane refused a request: what was wrong, and what to do."""


class ReferenceServer:
    """A running reference server; leaving its ``with`` block ends it."""

    def __init__(self, document: str | Path, *, seed: int = 0, arguments: tuple[str, ...] = ()) -> None:
        line = [command(), "serve", str(document), "--seed", str(seed), *arguments]
        self._process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        if not ready:
            self.close()
            raise RuntimeError(f"`bitting serve {document}` ended before it was ready; its message is above")
        about = json.loads(ready)
        self.url: str = about["base_url"]
        self._control: str = about["control_url"]
        self._token: str = about["control_token"]
        self.credentials: dict[str, Any] = self.control("GET", "/v1/credentials")

    def control(self, method: str, path: str, body: Any = ...) -> Any:
        """Asks something of the control plane, without a body unless one is given."""
        request = urllib.request.Request(
            self._control + path,
            method=method,
            data=None if body is ... else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self._token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(f"{method} {path}: {error.code} {error.read().decode()}") from None
        return json.loads(content) if content else None

    def mint_key(self, user: str, **wanted: Any) -> str:
        """A new API key of a user, past every rule."""
        secret: str = self.control("POST", "/v1/keys", {"user": user, **wanted})["secret"]
        return secret

    def mint_token(self, user: str, **wanted: Any) -> str:
        """A new token of a user; ``tamper`` says what is to be wrong with it."""
        token: str = self.control("POST", "/v1/tokens", {"user": user, **wanted})["token"]
        return token

    def advance(self, seconds: int) -> None:
        """Moves the server's clock."""
        self.control("POST", "/v1/clock/advance", {"seconds": seconds})

    def fault(self, effect: dict[str, Any], **plan: Any) -> None:
        """Lets requests go wrong, all of them unless ``plan`` says which."""
        self.control("POST", "/v1/faults", {"effect": effect, **plan})

    def defects(self, *active: str) -> None:
        """Switches just these deliberate defects on."""
        self.control("PUT", "/v1/defects", {"active": list(active)})

    def journal(self, **wanted: Any) -> list[dict[str, Any]]:
        """The latest requests, the oldest first."""
        entries: list[dict[str, Any]] = self.control("GET", f"/v1/journal?{urllib.parse.urlencode(wanted)}")["entries"]
        return entries

    def snapshot(self) -> int:
        """Keeps the world, the rate limits and the clock, and gives the id to come back by."""
        number: int = self.control("POST", "/v1/snapshots")["id"]
        return number

    def restore(self, snapshot: int) -> None:
        """Comes back to a snapshot; faults and defects are gone, and every step is taken again."""
        self.control("DELETE", "/v1/faults")
        self.defects()
        self.control("PUT", "/v1/steps", {"skipped": []})
        self.control("POST", f"/v1/snapshots/{snapshot}/restore")

    def close(self) -> None:
        """Ends the server."""
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> ReferenceServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that names the document."""
    parser.addini("bitting_document", "the OpenAPI document that is served and checked", default="openapi.yaml")


_PLANNED = pytest.StashKey[frozenset[tuple[str, str]]]()
_OTHERS = ("others", "")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each check and operation, where a test asks for ``bitting_verdict``."""
    if "bitting_verdict" in metafunc.fixturenames:
        cases = planned(_document(metafunc.config))
        metafunc.config.stash[_PLANNED] = frozenset(cases)
        names = [f"{one}-{other}" for one, other in cases]
        # What the credentials of a run make possible is not known before it.
        metafunc.parametrize("bitting_verdict", [*cases, _OTHERS], indirect=True, ids=[*names, "others"])


def _document(config: pytest.Config) -> Path:
    return config.rootpath / str(config.getini("bitting_document"))


@pytest.fixture(scope="session")
def bitting_result() -> CheckResult:
    """The run that ``bitting_verdict`` is of; a fixture of your own makes it."""
    message = "write a session fixture `bitting_result` that returns bitting.testing.check(DOCUMENT, url=...)"
    raise pytest.UsageError(message)


@pytest.fixture
def bitting_verdict(request: pytest.FixtureRequest, bitting_result: CheckResult) -> Verdict:
    """What came of one check on one operation; a test of what could not be told is skipped with the reason."""
    name, operation = request.param
    if request.param == _OTHERS:
        others = (one for one in bitting_result.verdicts if (one.check, one.operation) not in request.config.stash[_PLANNED])
        nothing = Verdict(check=name, operation=operation, place="", outcome="pass")
        return next((one for one in others if one.fails), nothing)
    for verdict in bitting_result.verdicts:
        if (verdict.check, verdict.operation) == (name, operation):
            if verdict.outcome == "skip":
                pytest.skip(verdict.reason or "it could not be told")
            return verdict
    pytest.skip("it is no part of this run")


@pytest.fixture(scope="session")
def bitting_document(request: pytest.FixtureRequest) -> str | Path:
    """The OpenAPI document that is served."""
    return _document(request.config)


@pytest.fixture(scope="session")
def bitting_server(bitting_document: str | Path) -> Iterator[ReferenceServer]:
    """The reference server of the session; what a test changes stays changed."""
    with ReferenceServer(bitting_document) as server:
        yield server


@pytest.fixture
def bitting(bitting_server: ReferenceServer) -> Iterator[ReferenceServer]:
    """The reference server; what a test changes is put back after it."""
    snapshot = bitting_server.snapshot()
    yield bitting_server
    bitting_server.restore(snapshot)
