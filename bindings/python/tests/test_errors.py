"""Errors arrive as exceptions of their kind, with what the server said, and pass between processes."""

from __future__ import annotations

import datetime
import pickle
import socket
import time

import bitting
import pytest
from arrotech import Arrotech
from conftest import KEY
from roboticks import Roboticks
from stub import Answer, Stub, device

BY_STATUS = {
    400: bitting.BadRequestError,
    401: bitting.AuthenticationError,
    403: bitting.PermissionDeniedError,
    404: bitting.NotFoundError,
    409: bitting.ConflictError,
    418: bitting.APIStatusError,
    422: bitting.UnprocessableEntityError,
    500: bitting.InternalServerError,
    503: bitting.InternalServerError,
}


@pytest.mark.parametrize("status", BY_STATUS)
def test_each_status_has_its_exception(stub: Stub, client: Roboticks, status: int) -> None:
    """ROBOTICKS-6: status, body, request id and place are in the exception."""
    answer = Answer(status, {"detail": "Not enough permissions", "code": "E7"}, {"X-Request-Id": "req-1"})
    stub.answer = lambda request: answer
    with pytest.raises(bitting.APIStatusError) as caught:
        client.devices.get("acme", "warehouse", "7")
    error = caught.value
    assert type(error) is BY_STATUS[status]
    assert (error.status_code, error.code, error.request_id, error.retries_taken) == (status, "E7", "req-1", 0)
    assert error.json()["detail"] == "Not enough permissions"
    assert error.headers["X-Request-ID"] == "req-1"
    assert error.method == "GET"
    assert error.path is not None and error.path.endswith("/devices/{device_id}")
    assert "Not enough permissions" in str(error)


def test_a_rate_limit_says_how_long(stub: Stub, client: Roboticks) -> None:
    """ROBOTICKS-5: the wait, the limit and the end of the window."""
    reset = int(time.time()) + 60
    limits = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    body = {"detail": "Rate limit exceeded. Try again in 60 seconds.", "retry_after": 60}
    stub.answer = lambda request: Answer(429, body, limits)
    with pytest.raises(bitting.RateLimitError) as caught:
        client.devices.get("acme", "warehouse", "7")
    error = caught.value
    assert error.retry_after is not None and 55 <= error.retry_after <= 65
    assert (error.status_code, error.limit, error.remaining) == (429, 1000, 0)
    assert error.reset_at is not None
    assert abs(error.reset_at - datetime.datetime.fromtimestamp(reset, datetime.timezone.utc)).total_seconds() < 3


def test_no_answer(stub: Stub, client: Roboticks) -> None:
    """A broken connection, a refused one and a timeout are told apart from answers."""
    stub.answer = lambda request: None
    with pytest.raises(bitting.APIConnectionError) as broken:
        client.devices.get("acme", "warehouse", "7")
    assert not isinstance(broken.value, bitting.APITimeoutError)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = client.with_options(base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(bitting.APIConnectionError):
            nobody.devices.get("acme", "warehouse", "7")
    stub.answer = lambda request: Answer(200, device(), delay=2.0)
    started = time.monotonic()
    with pytest.raises(bitting.APITimeoutError):
        client.devices.get("acme", "warehouse", "7", timeout=0.2)
    assert time.monotonic() - started < 1.5


def test_a_missing_credential_is_found_before_sending(stub: Stub) -> None:
    """Nothing is sent without a credential that the operation needs, and the message names the remedy."""
    client = Roboticks(base_url=stub.url, environment={})
    with pytest.raises(bitting.CredentialsError, match="ROBOTICKS_API_KEY"):
        client.devices.get("acme", "warehouse", "7")
    assert stub.requests == []


def test_a_refused_login_is_a_token_error(stub: Stub) -> None:
    """ROBOTICKS-2: a login that the server refuses, with what it said."""
    stub.answer = lambda request: Answer(401, {"detail": "Could not validate credentials"})
    client = Roboticks(base_url=stub.url, username="ada@example.com", password="test-wrong", environment={})
    with pytest.raises(bitting.TokenRefreshError, match="Could not validate credentials") as caught:
        client.devices.get("acme", "warehouse", "7")
    assert isinstance(caught.value, bitting.CredentialsError)
    assert [request.path for request in stub.requests] == ["/api/v1/auth/login"]


def test_a_token_endpoint_names_its_error(stub: Stub) -> None:
    """ARROTECH-2, RFC 6749, 5.2: the code and the words of the token endpoint are on the exception."""
    stub.answer = lambda request: Answer(400, {"error": "invalid_scope", "error_description": "no such scope: x"})
    client = Arrotech(base_url=stub.url, client_id="app", client_secret="test-secret", scopes=["x"], environment={})
    with pytest.raises(bitting.TokenRefreshError, match="no such scope: x") as caught:
        client.providers.list()
    assert caught.value.code == "invalid_scope"


def test_exceptions_can_be_pickled(stub: Stub, client: Roboticks) -> None:
    """multiprocessing and task queues send exceptions on."""
    stub.answer = lambda request: Answer(429, {"detail": "slow", "retry_after": 60}, {"X-RateLimit-Limit": "5"})
    with pytest.raises(bitting.RateLimitError) as caught:
        client.devices.get("acme", "warehouse", "7")
    error = caught.value
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert (twin.status_code, twin.limit, twin.retry_after) == (429, 5, error.retry_after)
    assert dict(twin.headers) == dict(error.headers)
    for kind in (bitting.ConfigError, bitting.APITimeoutError, bitting.APIResponseValidationError):
        assert str(pickle.loads(pickle.dumps(kind("what happened", path="/x")))) == "what happened"


def test_the_family(client: Roboticks) -> None:
    """Everything that a client raises is a BittingError, and the kinds stand below one another."""
    assert issubclass(bitting.APITimeoutError, bitting.APIConnectionError)
    assert issubclass(bitting.TokenRefreshError, bitting.CredentialsError)
    assert issubclass(bitting.RateLimitError, bitting.APIStatusError)
    for name in bitting.__all__:
        if name.endswith("Error"):
            assert issubclass(getattr(bitting, name), bitting.BittingError)


def test_plain_http_is_refused(stub: Stub) -> None:
    """ARTOS-8: a key does not travel over plain http to another host."""
    with pytest.raises(bitting.ConfigError, match="send credentials in the clear"):
        Roboticks(base_url="http://192.0.2.1", api_key=KEY, environment={})
