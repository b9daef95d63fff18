"""The synchronous client over a scripted server: what goes out, what comes back."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from arrow import Arrow
from bitting import ConfigError, CredentialsError, RequestError
from conftest import KEY
from roboticks import Roboticks
from roboticks.models import Device
from stub import Answer, Stub, device, page

DEVICES = "/api/v1/organizations/acme/projects/warehouse/devices"


def test_an_answer_is_typed(stub: Stub, client: Roboticks) -> None:
    """ROBOTICKS-1, ROBOTICKS-9: path arguments, the key, and a typed object."""
    stub.answer = lambda request: Answer(200, device())
    found = client.devices.get("acme", "warehouse", "7")
    assert isinstance(found, Device)
    assert found.name == "Picker 7"
    assert found.created_at == datetime.datetime(2026, 1, 15, 9, 30, tzinfo=datetime.timezone.utc)
    request = stub.requests[0]
    assert (request.method, request.path) == ("GET", f"{DEVICES}/7")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "python/3." in request.headers["user-agent"]


def test_a_flat_body_holds_what_was_given(stub: Stub, client: Roboticks) -> None:
    """ROBOTICKS-9: members that were not given are not sent; `None` is sent as `null`."""
    stub.answer = lambda request: Answer(201, device())
    client.devices.create("acme", "warehouse", name="Picker 7", serial_number="RBT-TEST-0007", tags=("a", "b"))
    assert stub.requests[0].json() == {"name": "Picker 7", "serial_number": "RBT-TEST-0007", "tags": ["a", "b"]}
    assert stub.requests[0].headers["content-type"] == "application/json"
    client.devices.update("acme", "warehouse", "7", status=None)  # type: ignore[arg-type]
    assert stub.requests[1].json() == {"status": None}


def test_an_empty_answer_is_none(stub: Stub, client: Roboticks) -> None:
    """ROBOTICKS-9: a 204 has no body."""
    stub.answer = lambda request: Answer(204)
    assert client.devices.delete("acme", "warehouse", "7") is None  # type: ignore[func-returns-value]


def test_options_of_one_call(stub: Stub, client: Roboticks) -> None:
    """Headers and query parameters of one call go over the client's own."""
    stub.answer = lambda request: Answer(200, device())
    shared = client.with_options(default_headers={"X-Team": "fleet", "X-Trace": "1"})
    shared.devices.get("acme", "warehouse", "7", extra_headers={"X-Trace": "2"}, extra_query={"debug": "yes"})
    request = stub.requests[0]
    assert (request.headers["x-team"], request.headers["x-trace"]) == ("fleet", "2")
    assert request.query == "debug=yes"


def test_derived_clients(stub: Stub, client: Roboticks) -> None:
    """Other timeouts share the connection; another key does not share the credentials."""
    stub.answer = lambda request: Answer(200, device())
    client.devices.get("acme", "warehouse", "7")
    client.with_options(timeout=5.0).devices.get("acme", "warehouse", "7")
    client.with_options(api_key="rbtk_test_other").devices.get("acme", "warehouse", "7")
    first, second, third = stub.requests
    assert first.peer == second.peer
    assert third.headers["authorization"] == "Bearer rbtk_test_other"
    assert third.peer != first.peer


def test_raw_responses(stub: Stub, client: Roboticks) -> None:
    """Status, headers and members that no model names can be read."""
    stub.answer = lambda request: Answer(200, {**device(), "firmware": "2.1"}, {"X-Request-Id": "req-1"})
    raw = client.devices.with_raw_response.get("acme", "warehouse", "7")
    assert (raw.status_code, raw.request_id, raw.retries_taken) == (200, "req-1", 0)
    assert raw.headers["x-request-ID"] == "req-1"
    assert raw.json()["firmware"] == "2.1"
    assert raw.parse().name == "Picker 7"


def test_any_operation_by_its_id(stub: Stub, client: Roboticks) -> None:
    """What has no method yet can be called all the same."""
    stub.answer = lambda request: Answer(200, page(range(1), 1))
    raw = client.call("listDevices", {"org_slug": "acme", "project_slug": "warehouse", "limit": 1})
    assert raw.parse()["total"] == 1
    assert stub.requests[0].query == "limit=1"
    with pytest.raises(RequestError, match="no operation 'listDevice'"):
        client.call("listDevice")


def test_64_threads_share_a_client(stub: Stub, client: Roboticks) -> None:
    """A client belongs to no thread, and calls of different threads do not wait for each other."""
    together = threading.Barrier(64)

    def answer(request: object) -> Answer:
        together.wait(20)
        return Answer(200, device())

    stub.answer = answer
    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(lambda number: client.devices.get("acme", "warehouse", str(number)), range(64)))
    assert len(found) == 64
    assert len({request.peer for request in stub.requests}) == 64


def test_wrong_use_is_explained(stub: Stub, client: Roboticks) -> None:
    """Bad input gets a message with the place and the remedy, and nothing is sent."""
    with pytest.raises(TypeError, match="no option 'apikey'; did you mean 'api_key'"):
        Roboticks(apikey=KEY)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="option 'timeout' is a number of seconds, not str"):
        Roboticks(timeout="5")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'time_out'; did you mean 'timeout'"):
        client.devices.get("acme", "warehouse", "7", time_out=3)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="a username needs a password"):
        Roboticks(username="ada@example.com", environment={})
    with pytest.raises(RequestError, match="argument 'limit' cannot be written as JSON"):
        client.devices.list("acme", "warehouse", limit=object())  # type: ignore[arg-type]
    assert stub.requests == []


def test_a_closed_client_says_so(client: Roboticks) -> None:
    """A client that was closed makes no calls."""
    client.close()
    with pytest.raises(ConfigError, match="this Roboticks is closed"):
        client.devices.get("acme", "warehouse", "7")


def test_credentials_are_explained(client: Roboticks, stub: Stub) -> None:
    """B: which credential, from where, until when, for what; the same whether the API has a resource `auth` or not."""
    report = client.auth.explain()[0]
    assert (report.scheme, report.source, report.expires_at, report.scopes) == ("ApiKeyBearer", "an argument", None, ())
    assert len(report.id) == 8 and KEY not in repr(report)
    with Arrow(base_url=stub.url, environment={"ARROW_API_KEY": "arrow_test_key"}) as arrow:
        (found,) = arrow.auth.explain()
        assert (found.scheme, found.source) == ("ArrowKey", "the environment variable ARROW_API_KEY")
    granted = {"access_token": "fake.token", "token_type": "bearer", "expires_in": 3600}
    stub.answer = lambda request: Answer(200, granted if request.path.endswith("login") else device())
    user = Roboticks(base_url=stub.url, username="ada@acme.example", password="fake-password", environment={})
    assert [one.expires_at for one in user.auth.explain()] == [None], "nothing is fetched in order to explain"
    user.devices.get("acme", "warehouse", "7")
    (held,) = user.auth.explain()
    assert held.expires_at is not None
    assert 3500 < (held.expires_at - datetime.datetime.now(datetime.timezone.utc)).total_seconds() < 3700


@pytest.mark.parametrize(("level", "lines"), [("info", 2), ("DEBUG", 2), ("error", 0), (None, 0)])
def test_a_variable_switches_logs_on(stub: Stub, level: str | None, lines: int) -> None:
    """`ROBOTICKS_LOG`: a line for each call on standard error, without a value of it."""
    stub.answer = lambda request: Answer(200, device())
    program = (
        f"from roboticks import Roboticks\nclient = Roboticks(base_url={stub.url!r}, api_key='rbtk_test_key')\n"
        "client.devices.get('acme', 'warehouse', 'secret-device')\nclient.devices.delete('acme', 'warehouse', '7')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.update({} if level is None else {"ROBOTICKS_LOG": level})
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    found = [line for line in done.stderr.splitlines() if " answered 200 after 1 requests" in line]
    assert len(found) == lines and "secret-device" not in done.stderr, done.stderr


def test_two_keys_stand_each_in_its_own_place(stub: Stub) -> None:
    """B1: a key goes by the name of its scheme; one that no scheme has is told, and not shown."""
    stub.answer = lambda request: Answer(200, page(range(0), 0))
    with Roboticks(base_url=stub.url, api_keys={"ApiKeyBearer": "rbtk_test_bearer"}, environment={}) as client:
        client.devices.list("acme", "warehouse")
    assert stub.requests[-1].headers["authorization"] == "Bearer rbtk_test_bearer"
    with pytest.raises(CredentialsError, match="fits no security scheme of roboticks") as caught:
        Roboticks(base_url=stub.url, api_keys={"Nothing": "rbtk_test_canary"}, environment={})
    assert "canary" not in str(caught.value)
