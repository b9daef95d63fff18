"""Where the event loop learns that calls have ended: one descriptor per loop, read once for a whole batch.

The core's thread never takes the interpreter's lock. It puts an ended call into a queue and makes the descriptor
readable; the loop then takes over everything that is there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from . import _native
from ._request import answered

if TYPE_CHECKING:
    from ._native import Failure, Reply, Session
    from ._request import Call


async def call(session: Session, made: Call) -> Reply:
    """Makes a call and awaits it."""
    return answered(await mailbox().call(session, made))


class Mailbox:
    """The calls of one event loop that are under way, by ticket.

    It keeps no reference to its loop, and the loop lets go of it when it is closed: then its descriptor closes too.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pending: dict[int, asyncio.Future[Reply | Failure]] = {}
        self._last_ticket = 0
        try:
            self._completions = _native.Completions()
            loop.add_reader(self._completions.fileno(), self.drain)
        except NotImplementedError:
            # The Proactor loop of Windows watches no descriptors.
            self._completions = _native.Completions(_waker(ref(loop), ref(self)))

    async def call(self, session: Session, made: Call) -> Reply | Failure:
        """Makes a call. If the task is cancelled meanwhile, so is the request."""
        self._last_ticket = ticket = self._last_ticket + 1
        future: asyncio.Future[Reply | Failure] = asyncio.get_running_loop().create_future()
        self._pending[ticket] = future
        abort = session.start(self._completions, ticket, *made.crossing())
        try:
            return await future
        except BaseException:
            self._pending.pop(ticket, None)
            abort.abort()
            raise

    def drain(self) -> None:
        """Gives every call that has ended its outcome."""
        pending = self._pending
        for ticket, outcome in self._completions.drain():
            future = pending.pop(ticket, None)
            if future is not None and not future.done():
                future.set_result(outcome)


def _waker(loop: ref[asyncio.AbstractEventLoop], mailbox: ref[Mailbox]) -> Callable[[], None]:
    """What the core's thread calls where no descriptor can be watched."""

    def wake() -> None:
        living, owner = loop(), mailbox()
        if living is not None and owner is not None and not living.is_closed():
            living.call_soon_threadsafe(owner.drain)

    return wake


_mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Mailbox] = WeakKeyDictionary()


def mailbox() -> Mailbox:
    """The running loop's mailbox."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("an asynchronous client needs a running asyncio loop; trio is not supported") from None
    found = _mailboxes.get(loop)
    if found is None:
        found = _mailboxes[loop] = Mailbox(loop)
    return found


# A child must not read the descriptor that its parent's loop reads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mailboxes.clear)
