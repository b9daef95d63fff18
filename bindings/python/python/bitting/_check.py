"""The conformance suite in tests: one run of ``bitting check`` against an app, as an object."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

Credentials = Mapping[str, Mapping[str, Any]]
"""Who the suite can be, by role (``valid``, ``other-organization``, ``read-only``, ``expired``, ``revoked``,
``other-environment``): ``secrets`` by security scheme, ``login``, ``client``, ``parameters``."""


class CheckError(Exception):
    """A run that could not be made: what is wrong, and what to do. It says nothing about the app."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; no secret is in it."""

    id: str
    """The same in every run."""
    check: str
    """The check's id; ``bitting explain`` says more."""
    severity: Literal["error", "note"]
    rule: str
    source: str
    """Where the rule stands: an RFC with its section, an OWASP item."""
    place: str
    """Method and path."""
    expected: str
    got: str
    status: int | None
    curl: str
    """A command for a shell that shows it."""
    replay: str
    """The command that makes the same cases again."""
    also_on: tuple[str, ...] = ()
    """Other operations where the same is wrong."""
    explains: tuple[str, ...] = ()
    """Checks that fail on these operations for the same reason."""
    accepted: bool = False
    """It stands in the baseline."""

    def __str__(self) -> str:
        more = f" and {len(self.also_on)} more" if self.also_on else ""
        lines = [
            f"{self.severity} {self.check} [{self.id}]: {self.place}{more}",
            f"  rule      {self.rule} ({self.source})",
            f"  expected  {self.expected}",
            f"  got       {self.got}" + (f" ({self.status})" if self.status is not None else ""),
        ]
        if self.explains:
            lines.append(f"  explains  {', '.join(self.explains)}")
        if self.curl:
            lines.append("  curl      " + self.curl.replace("\n", "\n            "))
        return "\n".join([*lines, f"  replay    {self.replay}"])


@dataclass(frozen=True)
class Verdict:
    """What came of one check on one operation."""

    check: str
    operation: str
    """The operation's id."""
    place: str
    outcome: Literal["pass", "fail", "skip"]
    reason: str | None = None
    """Why it could not be told, and what to give."""
    finding: Finding | None = None
    fails: bool = False
    """Whether it makes the run fail: a note or an accepted finding does not."""

    def confirm(self) -> None:
        """Raises an ``AssertionError`` that tells the finding, if there is one that counts."""
        __tracebackhide__ = True  # pytest shows the test, not this line
        if self.fails and self.finding is not None:
            raise AssertionError(f"\n{self.finding}")


@dataclass(frozen=True)
class CheckResult:
    """The result of a run."""

    findings: tuple[Finding, ...]
    """Those of one cause as one."""
    verdicts: tuple[Verdict, ...]
    exit_code: int
    """0 without findings, 1 with, 4 when something that was required could not be told."""
    requests: int
    seconds: float
    seed: int
    text: str
    """The findings and the result as a terminal shows them."""
    report: dict[str, Any] = field(repr=False)
    """The whole report, as ``bitting check --report json`` writes it."""

    @property
    def skipped(self) -> tuple[Verdict, ...]:
        """What could not be told."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == "skip")

    def confirm(self) -> None:
        """Raises an ``AssertionError`` that tells every finding, unless the run is a success."""
        __tracebackhide__ = True  # pytest shows the test, not this line
        if self.exit_code != 0:
            raise AssertionError(f"\n{self.text}")


def check(
    document: str | Path,
    *,
    url: str | None = None,
    credentials: Credentials | None = None,
    settings: Mapping[str, Any] | str | Path | None = None,
    only: Sequence[str] = (),
    operations: Sequence[str] = (),
    require: Sequence[str] = (),
    arguments: Sequence[str] = (),
    timeout: float | None = None,
) -> CheckResult:
    """Checks an app against its OpenAPI document.

    ``url`` is the app's base URL; without it the built-in reference server is checked. ``settings`` is the path of a
    settings file (``bitting init`` writes one) or its members as a mapping: ``{"budget": {"max-time": "30s"}}``. ``only``
    and ``require`` name checks or families, ``operations`` operation ids, ``arguments`` are more of ``bitting check``.

    Raises :class:`CheckError` for a run that could not be made: no such app, a wrong setting, a credential that does not
    work, nothing that could be checked.
    """
    words = [str(document), "--quiet", "--report", "json=-", *arguments]
    for option, values in [("--only", only), ("--operation", operations), ("--require", require)]:
        words += [word for value in values for word in (option, value)]
    if url is not None:
        words += ["--url", url]
    members: dict[str, Any] | None = None
    if isinstance(settings, (str, Path)):
        if credentials is not None:
            raise CheckError("credentials are given twice: here and in the settings file; put them there")
        words += ["--config", str(settings)]
    elif settings is not None or credentials is not None:
        # On standard input: no secret stands on a command line or in a file.
        members = dict(settings or {})
        if credentials is not None:
            members["credentials"] = credentials
        words += ["--config", "-"]
    answer = _bitting(["check", *words], None if members is None else json.dumps(members), timeout)
    if not answer.stdout or answer.returncode not in (0, 1, 4):
        raise CheckError(answer.stderr.strip() or f"`bitting check` ended with {answer.returncode}")
    return _result(json.loads(answer.stdout), answer.stderr.strip())


def planned(document: str | Path) -> list[tuple[str, str]]:
    """Every check with each operation (their ids) where it has something to check. No request is sent."""
    answer = _bitting(["check", str(document), "--plan", "--report", "json=-", "--url", "http://127.0.0.1:1"], None, 60)
    if answer.returncode != 0:
        raise CheckError(answer.stderr.strip())
    return [(one["check"], one["operation"]) for one in json.loads(answer.stdout)["planned"]]


@contextlib.contextmanager
def serve(app: Callable[..., Any]) -> Iterator[str]:
    """Runs an app on a free port of 127.0.0.1 for as long as the block lasts, and gives its URL.

    A WSGI app (Flask, Django) needs nothing more; an ASGI app (FastAPI, Starlette) is run by uvicorn, if that is installed.
    """
    is_asgi = any(inspect.iscoroutinefunction(call) for call in (app, getattr(app, "__call__", None)))
    with _asgi(app) if is_asgi else _wsgi(app) as url:
        yield url


@contextlib.contextmanager
def _asgi(app: Callable[..., Any]) -> Iterator[str]:
    try:
        import uvicorn
    except ImportError:
        raise CheckError("an ASGI app is run by uvicorn, which is not installed: pip install uvicorn") from None
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))

        def run() -> None:
            # So it ends when the app does not start, after it has said why.
            with contextlib.suppress(SystemExit):
                server.run(sockets=[listener])

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise CheckError("the app does not start; uvicorn's message is above")
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def _wsgi(app: Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.set_app(app)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing: the suite sends hundreds of requests."""


def command() -> str:
    """The command ``bitting``: ``BITTING_BIN``, or the one on the path."""
    name = os.environ.get("BITTING_BIN", "bitting")
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"`{name}` is not on the path: install bitting, or let BITTING_BIN name it")
    return found


def _bitting(words: list[str], text: str | None, timeout: float | None) -> subprocess.CompletedProcess[str]:
    line = [command(), *words]
    try:
        return subprocess.run(line, input=text or "", capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        message = f"it did not end within {timeout} seconds; `budget` with `max-time` ends a run in order"
        raise CheckError(message) from None


def _result(report: dict[str, Any], text: str) -> CheckResult:
    least = report["fail_on"]
    return CheckResult(
        findings=tuple(_finding(one) for one in report["findings"]),
        verdicts=tuple(_verdict(one, least) for one in report["verdicts"]),
        exit_code=report["exit_code"],
        requests=report["requests"],
        seconds=report["seconds"],
        seed=report["seed"],
        text=text,
        report=report,
    )


def _finding(one: dict[str, Any]) -> Finding:
    return Finding(
        id=one["id"],
        check=one["check"],
        severity=one["severity"],
        rule=one["rule"],
        source=one["source"],
        place=one["place"],
        expected=one["expected"],
        got=one["got"]["summary"],
        status=one["got"]["status"],
        curl=one["curl"],
        replay=" ".join(one["replay"]),
        also_on=tuple(one["also_on"]),
        explains=tuple(one["explains"]),
        accepted=one["accepted"],
    )


def _verdict(one: dict[str, Any], least: str) -> Verdict:
    finding = _finding(one) if one["outcome"] == "fail" else None
    counts = finding is not None and not finding.accepted and (finding.severity == "error" or least == "note")
    return Verdict(
        check=one["check"],
        operation=one["operation"],
        place=one["place"],
        outcome=one["outcome"],
        reason=one.get("reason"),
        finding=finding,
        fails=counts,
    )
