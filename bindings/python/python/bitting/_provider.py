"""Tokens that the program itself obtains. Loaded with the first client that has ``credentials``."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import ref

import msgspec

from ._auth import AccessToken

_PATIENCE = 30.0


class Provider:
    """What the core asks for a token, on a thread of its own; it answers JSON and raises nothing."""

    def __init__(self, provide: Callable[[], Any]) -> None:
        self._provide = provide
        self._loop: ref[asyncio.AbstractEventLoop] | None = None

    def follow(self) -> None:
        """The loop of the call that is made now is where a coroutine runs."""
        self._loop = ref(asyncio.get_running_loop())

    def __call__(self) -> bytes:
        try:
            given = self._provide()
            if inspect.isawaitable(given):
                given = self._awaited(given)
            if isinstance(given, str):
                given = AccessToken(given)
            if not isinstance(given, AccessToken):
                raise TypeError(f"give a text or an AccessToken, not {type(given).__name__}")
            answer = {"token": given.token, "expires_in": given.expires_in, "scopes": given.scopes}
            return msgspec.json.encode(answer)
        except BaseException as error:
            return msgspec.json.encode({"error": f"{type(error).__name__}: {error}"})

    def _awaited(self, given: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await given

        loop = None if self._loop is None else self._loop()
        if loop is None or not loop.is_running():
            return asyncio.run(wait())
        return asyncio.run_coroutine_threadsafe(wait(), loop).result(_PATIENCE)
