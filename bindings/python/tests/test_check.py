"""The conformance suite from pytest: against the reference server, and against WSGI and ASGI apps."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from bitting.testing import CheckError, ReferenceServer, check, planned, serve
from reference import ROOT
from reference import bitting as command

os.environ.setdefault("BITTING_BIN", command())
ROBOTICKS = ROOT / "spec" / "openapi" / "roboticks.yaml"
ADA = "ada@acme.example"
KEY = "rbtk_test_key_of_the_things"
pytest_plugins = ["pytester"]

THINGS = """
openapi: 3.1.0
info: {title: Things, version: '1'}
security: [{Key: []}]
paths:
  /things:
    get:
      operationId: listThings
      responses:
        '200':
          description: Things.
          content: {application/json: {schema: {type: array, items: {type: integer}}}}
        '401': {description: No key.}
components: {securitySchemes: {Key: {type: apiKey, in: header, name: X-Key}}}
"""


def app(guarded: bool) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """A list of things, for whoever has the key, or for everybody."""

    def things(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/things":
            start("404 Not Found", [])
        elif environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start("405 Method Not Allowed", [("Allow", "GET, HEAD")])
        elif guarded and environ.get("HTTP_X_KEY") != KEY:
            start("401 Unauthorized", [("WWW-Authenticate", "Key")])
        else:
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps([1, 2]).encode()]
        return []

    return things


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """The document of the things."""
    path = tmp_path / "things.yaml"
    path.write_text(THINGS)
    return path


def test_an_asgi_app_is_checked_as_it_is(document: Path) -> None:
    """What FastAPI and Starlette make: an object whose call is a coroutine function."""

    class App:
        async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
            if scope["type"] == "lifespan":
                for step in ("startup", "shutdown"):
                    await receive()
                    await send({"type": f"lifespan.{step}.complete"})
                return
            is_known = dict(scope["headers"]).get(b"x-key") == KEY.encode()
            status = 404 if scope["path"] != "/things" else 200 if is_known else 401
            headers = {200: [(b"content-type", b"application/json")], 401: [(b"www-authenticate", b"Key")]}.get(status, [])
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"[1, 2]" if status == 200 else b""})

    credentials = {"valid": {"secrets": {"Key": KEY}}}
    with serve(App()) as url:
        check(document, url=url, credentials=credentials, only=["credentials", "response"]).confirm()
        found = check(document, url=url, credentials=credentials, only=["http.method-not-allowed"]).findings
    assert found, "it answers every method"

    async def broken(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(CheckError, match="the app does not start"), serve(broken):
        pass


def test_an_app_in_order_passes_and_one_that_lets_all_in_does_not(document: Path) -> None:
    credentials = {"valid": {"secrets": {"Key": KEY}}}
    with serve(app(guarded=True)) as url:
        result = check(document, url=url, credentials=credentials, only=["credentials", "response"])
    result.confirm()
    assert result.exit_code == 0
    assert not result.findings
    assert result.requests > 5
    assert any(verdict.outcome == "pass" for verdict in result.verdicts)
    with serve(app(guarded=False)) as url:
        result = check(document, url=url, credentials=credentials, only=["credentials"])
    found = result.findings[0]
    assert (result.exit_code, found.check, found.place, found.status) == (1, "credentials.missing", "GET /things", 200)
    with pytest.raises(AssertionError, match=r"(?s)credentials\.missing.*a request without a credential got in.*curl -i"):
        result.confirm()
    assert KEY not in result.text + json.dumps(result.report)


def test_settings_go_along(document: Path) -> None:
    settings = {"rules": {"credentials.missing": "note", "credentials.malformed": "off"}, "budget": {"max-cases": 2}}
    with serve(app(guarded=False)) as url:
        credentials = {"valid": {"secrets": {"Key": KEY}}}
        result = check(document, url=url, credentials=credentials, settings=settings, only=["credentials.m*"])
        assert [(found.check, found.severity) for found in result.findings] == [("credentials.missing", "note")]
        assert "switched off" in (result.skipped[0].reason or "")
        result.confirm()
        path = document.with_name("bitting.json")
        path.write_text(json.dumps({**settings, "credentials": credentials, "fail-on": "note"}))
        strict = check(document, url=url, settings=path, only=["credentials.missing"])
        assert strict.exit_code == 1
        assert strict.verdicts[0].fails


def test_a_run_that_cannot_be_made_says_why(document: Path) -> None:
    with pytest.raises(CheckError, match="does not answer"):
        check(document, url="http://127.0.0.1:9")
    with pytest.raises(CheckError, match="did you mean"):
        check(document, url="http://127.0.0.1:9", only=["credential.missing"])
    with pytest.raises(CheckError, match="standard input, line 1.*`budgte`"):
        check(document, url="http://127.0.0.1:9", settings={"budgte": {}})
    with pytest.raises(CheckError, match="it is not on this machine"):
        check(document, url="http://things.example")
    with pytest.raises(CheckError, match="given twice"):
        check(document, settings="bitting.toml", credentials={})
    with serve(app(guarded=True)) as url, pytest.raises(CheckError, match="does not work: GET /things answered 401"):
        check(document, url=url, credentials={"valid": {"secrets": {"Key": "rbtk_test_of_nobody"}}})


def test_the_plan_names_each_check_with_each_operation(document: Path) -> None:
    assert ("credentials.missing", "listThings") in planned(document)
    assert all(operation == "listThings" for _, operation in planned(document))


def test_a_reference_server_can_be_checked() -> None:
    with ReferenceServer(ROBOTICKS) as server:
        valid = {
            "secrets": {"ApiKeyHeader": server.mint_key(ADA)},
            "parameters": {"org_slug": "acme", "project_slug": "warehouse"},
        }
        only, operations = ["credentials"], ["listDevices"]
        check(ROBOTICKS, url=server.url, credentials={"valid": valid}, only=only, operations=operations).confirm()


def _suite(pytester: pytest.Pytester, conftest: str) -> pytest.RunResult:
    """Runs a test of each check and operation on a server that lets everybody in."""
    pytester.makefile(".yaml", things=THINGS)
    pytester.makeini("[pytest]\nbitting_document = things.yaml\n")
    pytester.makeconftest(f"pytest_plugins = ['bitting.testing']\n{conftest}")
    pytester.makepyfile(
        f"""
        import pytest
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_check import KEY, app
        from bitting.testing import check, serve

        @pytest.fixture(scope="session")
        def bitting_result(request):
            only = ["credentials.missing", "credentials.scheme-case", "response.schema", "tenancy", "token"]
            with serve(app(guarded=False)) as url:
                return check("things.yaml", url=url, credentials={{"valid": {{"secrets": {{"Key": KEY}}}}}}, only=only)

        def test_the_api(bitting_verdict):
            bitting_verdict.confirm()
        """
    )
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rsf")


def test_there_is_one_test_for_each_check_and_operation(pytester: pytest.Pytester) -> None:
    result = _suite(pytester, "")
    result.stdout.fnmatch_lines_random(["*credentials.missing*", "*got in (200)*", "SKIPPED*it is no part of this run"])
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] == 1
    assert outcomes["passed"] == 2


def test_what_no_plan_foresaw_fails_too(pytester: pytest.Pytester) -> None:
    result = _suite(
        pytester,
        "import bitting.testing as t\nplanned = t.planned\n"
        "t.planned = lambda document: [one for one in planned(document) if one[0] != 'credentials.missing']\n",
    )
    result.stdout.fnmatch_lines_random(["FAILED*test_the_api?others?*"])
    assert result.parseoutcomes()["failed"] == 1
