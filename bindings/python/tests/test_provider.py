"""Tokens that the program itself obtains (`credentials=`): asked for when one is needed, and no more often."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import bitting
import pytest
from bitting import AccessToken
from roboticks import AsyncRoboticks, Roboticks
from stub import Answer, Request, Stub, device


def accepting(*tokens: str) -> object:
    """A script that lets in who brings one of these tokens."""

    def answer(request: Request) -> Answer:
        is_known = request.headers.get("authorization") in {f"Bearer {token}" for token in tokens}
        return Answer(200, device()) if is_known else Answer(401, {"detail": "Could not validate credentials"})

    return answer


class Vault:
    """Gives tokens one after the other, and counts."""

    def __init__(self, *given: str | AccessToken | Exception, slow: float = 0.0) -> None:
        self.given = list(given)
        self.slow = slow
        self.count = 0

    def __call__(self) -> str | AccessToken:
        time.sleep(self.slow)
        self.count += 1
        value = self.given.pop(0) if len(self.given) > 1 else self.given[0]
        if isinstance(value, Exception):
            raise value
        return value

    async def later(self) -> str | AccessToken:
        """The same, awaited on the loop of the call."""
        await asyncio.sleep(self.slow)
        assert threading.current_thread() is threading.main_thread()
        self.slow = 0.0
        return self()


def test_two_hundred_threads_ask_once(stub: Stub) -> None:
    """A1: however many calls wait for it, the provider is asked once; its token serves until it is refused."""
    stub.answer = accepting("fake.token.1")  # type: ignore[assignment]
    vault = Vault("fake.token.1", slow=0.2)
    with Roboticks(base_url=stub.url, credentials=vault, environment={}) as client, ThreadPoolExecutor(200) as pool:
        assert vault.count == 0, "a client that nobody uses asks for nothing (A4)"
        names = pool.map(lambda _: client.devices.get("acme", "warehouse", "7").name, range(200))
        assert set(names) == {"Picker 7"}
        assert client.with_options(timeout=5.0).devices.get("acme", "warehouse", "7")
    assert vault.count == 1


def test_one_call_per_expiry(stub: Stub) -> None:
    """A5, A15: a token that has ended is not sent; the provider is asked for the next one."""
    stub.answer = accepting("fake.token.1", "fake.token.2")  # type: ignore[assignment]
    vault = Vault(AccessToken("fake.token.1", expires_in=1.0, scopes=["a"]), AccessToken("fake.token.2", expires_in=3600))
    with Roboticks(base_url=stub.url, credentials=vault, environment={}) as client:
        client.devices.get("acme", "warehouse", "7")
        assert client.auth.explain()[0].scopes == ("a",)
        time.sleep(1.2)
        for _ in range(3):
            client.devices.get("acme", "warehouse", "7")
        (report,) = client.auth.explain()
        assert report.expires_at is not None
    assert vault.count == 2
    assert [request.headers["authorization"][-1] for request in stub.requests] == ["1", "2", "2", "2"]


def test_a_refused_token_is_replaced_once(stub: Stub) -> None:
    """A10: a 401 asks the provider again, and the call is sent again with what it gives."""
    stub.answer = accepting("fake.token.2")  # type: ignore[assignment]
    vault = Vault("fake.token.1", "fake.token.2")
    with Roboticks(base_url=stub.url, credentials=vault, environment={}) as client, ThreadPoolExecutor(20) as pool:
        assert len(list(pool.map(lambda _: client.devices.get("acme", "warehouse", "7"), range(20)))) == 20
    assert vault.count == 2


def test_a_coroutine_runs_on_the_loop_of_the_call(stub: Stub) -> None:
    """A1: 2,000 tasks share one token of a coroutine; a synchronous client runs it too."""
    stub.answer = accepting("fake.token.1")  # type: ignore[assignment]
    vault = Vault("fake.token.1", slow=0.2)

    async def main() -> None:
        async with AsyncRoboticks(base_url=stub.url, credentials=vault.later, environment={}) as client:
            calls = (client.devices.get("acme", "warehouse", "7") for _ in range(200))
            assert len(await asyncio.gather(*calls)) == 200

    asyncio.run(main())
    assert vault.count == 1

    async def plain() -> str:
        return "fake.token.1"

    with Roboticks(base_url=stub.url, credentials=plain, environment={}) as client:
        assert client.devices.get("acme", "warehouse", "7").name == "Picker 7"


def test_what_a_provider_does_wrong_is_told(stub: Stub) -> None:
    """A8: every waiter gets the same error at once, and the provider is not asked again at once."""
    stub.answer = accepting()  # type: ignore[assignment]
    vault = Vault(LookupError("no role in this cluster"), slow=0.2)
    client = Roboticks(base_url=stub.url, credentials=vault, environment={})
    with ThreadPoolExecutor(20) as pool:
        ended = [pool.submit(client.devices.get, "acme", "warehouse", "7") for _ in range(20)]
    for call in ended:
        with pytest.raises(bitting.TokenRefreshError, match="provider failed: LookupError: no role in this cluster"):
            call.result()
    assert vault.count == 1 and stub.requests == []
    for wrong, said in ((7, "give a text or an AccessToken, not int"), ("two words", "cannot be a token")):
        with pytest.raises(bitting.TokenRefreshError, match=said):
            Roboticks(base_url=stub.url, credentials=lambda wrong=wrong: wrong, environment={}).devices.get("a", "b", "7")
    with pytest.raises(bitting.ConfigError, match="`credentials` and `api_key` are two ways"):
        Roboticks(credentials=vault, api_key="rbtk_test_key")
    with pytest.raises(TypeError, match="'credentials' is a function that returns a token, not str"):
        Roboticks(credentials="fake.token.1")  # type: ignore[arg-type]
    assert "fake.token" not in repr(AccessToken("fake.token.1"))
