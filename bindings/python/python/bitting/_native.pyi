"""The native core. Every call ends with a Reply or a Failure, as data; exceptions are made in ``_errors``."""

from collections.abc import Callable
from typing import final

__all__ = ["Abort", "Completions", "Failure", "Reply", "Session"]

@final
class Session:
    """One client of one API."""

    @staticmethod
    def open(config: bytes) -> Session | Failure:
        """A session of a configuration, which is a JSON object."""
    def call(
        self, operation: int, arguments: bytes, media_type: str | None, body: bytes | None, options: bytes | None
    ) -> Reply | Failure:
        """Makes a call and waits for it on this thread, without the interpreter's lock. Ctrl-C ends it."""
    def start(
        self,
        completions: Completions,
        ticket: int,
        operation: int,
        arguments: bytes,
        media_type: str | None,
        body: bytes | None,
        options: bytes | None,
    ) -> Abort:
        """Starts a call whose end is put into ``completions`` under ``ticket``."""
    def operation(self, id: str) -> int | None:
        """The place of an operation in the operation table."""
    def next_page(self, operation: int, arguments: bytes, reply: Reply) -> bytes | None | Failure:
        """The arguments of the page after the one that ``arguments`` asked for; ``None`` after the last one."""
    def explain(self) -> str | Failure:
        """Which credentials there are, from where, until when: a JSON list without secrets."""
    def rate_limit(self) -> tuple[int | None, int | None, float | None] | None:
        """What the last answer that spoke of a rate limit said."""
    def log_level(self) -> str | None:
        """What ``<PREFIX>_LOG`` asks for."""
    def warnings(self) -> list[str] | Failure:
        """What is worth knowing about the configuration."""
    def after_fork(self) -> None:
        """Gives a forked child connections of its own."""

@final
class Completions:
    """The calls that have ended and wait for their event loop."""

    def __new__(cls, wake: Callable[[], object] | None = None) -> Completions: ...
    def fileno(self) -> int:
        """The descriptor that becomes readable when a call has ended; -1 where ``wake`` is called instead."""
    def drain(self) -> list[tuple[int, Reply | Failure]]:
        """Takes over what has ended, each with its ticket."""

@final
class Abort:
    """A call that is under way."""

    def abort(self) -> None:
        """Stops the call; nothing is completed for it."""

@final
class Reply:
    """A successful answer."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def waited(self) -> float: ...
    @property
    def refreshed(self) -> bool: ...
    @property
    def rate_limit(self) -> tuple[int | None, int | None, float | None] | None: ...

@final
class Failure:
    """Why a call did not succeed."""

    @property
    def kind(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def status(self) -> int | None: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def retry_after(self) -> float | None: ...
    @property
    def attempts(self) -> int: ...
    @property
    def method(self) -> str | None: ...
    @property
    def path(self) -> str | None: ...
    @property
    def code(self) -> str | None: ...
    @property
    def rate_limit(self) -> tuple[int | None, int | None, float | None] | None: ...
