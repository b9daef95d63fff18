"""What a client is configured with, and what a single call may say for itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from ._auth import AccessToken
    from ._native import Session
    from ._provider import Provider


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of a client. What is not given comes from the environment or from the document."""

    base_url: str | None
    """Where the API stands, instead of the document's first server."""
    api_key: str | None
    """An API key."""
    api_keys: Mapping[str, str] | None
    """API keys by the names of their security schemes, for an API that asks for two at once."""
    token: str | None
    """A bearer token that somebody else obtained and renews."""
    credentials: Callable[[], str | AccessToken | Awaitable[str | AccessToken]] | None
    """Returns a token, or an :class:`AccessToken` with its life; may be a coroutine function. It is called when one is
    needed: at first, ahead of the end of the one before, and when that was refused; once, however many calls wait. It
    runs on a thread of its own, a coroutine on the loop of the call that needs it."""
    username: str | None
    """The name that a login is made with; with ``password``."""
    password: str | None
    """The password that a login is made with."""
    client_id: str | None
    """The id of an OAuth client (RFC 6749, section 4.4); with ``client_secret``."""
    client_secret: str | None
    """The secret of an OAuth client."""
    scopes: Sequence[str] | None
    """The scopes that an OAuth client asks for."""
    profile: str | None
    """The name of a login that ``bitting login --profile`` keeps; without any credential it is the one that
    ``<PREFIX>_PROFILE`` names, else ``default``."""
    timeout: float | None
    """Seconds that one attempt may take."""
    deadline: float | None
    """Seconds that a call may take in all, waits, retries and renewals included."""
    max_retries: int | None
    """How often a call is sent again at most."""
    default_headers: Mapping[str, str] | None
    """Headers of every call."""
    allow_insecure_http: bool | None
    """Lets credentials travel over plain http to a host other than this machine."""
    environment: Mapping[str, str] | None
    """The environment that credentials are read from, instead of the process's own."""
    response_validation: Literal["lenient", "strict"] | None
    """What happens to an answer that does not fit its type: it is read as far as it goes and a warning is logged, or
    ``APIResponseValidationError`` is raised."""


class RequestOptions(TypedDict, total=False):
    """The keyword arguments that every method takes beside its own."""

    timeout: float | None
    """Seconds that one attempt may take."""
    deadline: float | None
    """Seconds that the call may take in all."""
    max_retries: int | None
    """How often it is sent again at most."""
    idempotency_key: str | None
    """What tells a repeat of this call from another one, where the API knows such a header."""
    extra_headers: Mapping[str, str] | None
    """Headers of this call. An ``Authorization`` header among them replaces the client's credentials."""
    extra_query: Mapping[str, str] | None
    """Query parameters that the document does not name."""


_OF_A_CALL = {
    "timeout": "timeout",
    "deadline": "deadline",
    "max_retries": "max_retries",
    "idempotency_key": "idempotency_key",
    "extra_headers": "headers",
    "extra_query": "query",
}
_NUMBER = (int, float)
_KINDS_OF_A_CALL: dict[str, Any] = {
    **dict.fromkeys(("timeout", "deadline"), _NUMBER),
    **dict.fromkeys(("extra_headers", "extra_query"), Mapping),
    "max_retries": int,
    "idempotency_key": str,
}
_LIST = (list, tuple, set, frozenset)
_OF_A_CLIENT: dict[str, Any] = {
    **dict.fromkeys(("base_url", "api_key", "token", "username", "password", "client_id", "client_secret", "profile"), str),
    **dict.fromkeys(("timeout", "deadline"), _NUMBER),
    **dict.fromkeys(("api_keys", "default_headers", "environment"), Mapping),
    "scopes": _LIST,
    "max_retries": int,
    "allow_insecure_http": bool,
    "credentials": Callable,
    "response_validation": str,
}
_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    bool: "True or False",
    _NUMBER: "a number of seconds",
    _LIST: "a list of texts",
    Mapping: "a mapping of texts",
    Callable: "a function that returns a token",
}
# What a derived client can change without another session: the core takes them with each call.
_SHARED = {"timeout": "timeout", "deadline": "deadline", "max_retries": "max_retries", "default_headers": "headers"}


class Settings:
    """The configuration of a client. It holds secrets, so it shows nothing of itself."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, Any], owner: str) -> None:
        self._values = {name: value for name, value in values.items() if value is not None}
        names = list(values)
        # Before anything can fail: a traceback that shows the variables of its frames then shows no secret.
        values.clear()
        for name in names:
            if name not in _OF_A_CLIENT:
                raise TypeError(f"{owner}() has no option {name!r}{_suggestion(name, _OF_A_CLIENT)}")
        for name in self._values:
            if not isinstance(self._values[name], _OF_A_CLIENT[name]):
                got = type(self._values[name]).__name__
                raise TypeError(f"{owner}(): option {name!r} is {_WORDS[_OF_A_CLIENT[name]]}, not {got}")

    def __repr__(self) -> str:
        return "Settings(...)"

    @property
    def is_strict(self) -> bool:
        """Whether an answer that does not fit its type is an error."""
        mode = self._values.get("response_validation", "lenient")
        if mode not in ("lenient", "strict"):
            raise TypeError(f"response_validation is 'lenient' or 'strict', not {mode!r}")
        return bool(mode == "strict")

    @property
    def base_url(self) -> str | None:
        """The base URL, if one was given."""
        return self._values.get("base_url")

    def provider(self) -> Provider | None:
        """What the core asks for tokens, if the program obtains them itself."""
        provide = self._values.get("credentials")
        if provide is None:
            return None
        from ._provider import Provider

        others = [name for name in ("api_key", "api_keys", "token", "username", "client_id", "profile") if name in self._values]
        if others:
            from ._errors import ConfigError

            raise ConfigError(f"`credentials` and `{others[0]}` are two ways to be let in; give one")
        return Provider(provide)

    def with_changes(self, changes: Settings) -> Settings:
        """These settings with ``changes`` on top. Other credentials replace those that were there as a whole."""
        credentials = {
            *("api_key", "api_keys", "token", "credentials", "username", "password"),
            *("client_id", "client_secret", "scopes", "profile"),
        }
        kept = self._values
        if credentials & changes._values.keys():
            kept = {name: value for name, value in kept.items() if name not in credentials}
        merged = Settings({}, "")
        merged._values = {**kept, **changes._values}
        if "default_headers" in kept and "default_headers" in changes._values:
            merged._values["default_headers"] = {**kept["default_headers"], **changes._values["default_headers"]}
        return merged

    def call_defaults(self) -> Defaults | None:
        """What these settings mean for each call, or ``None`` if they need a session of their own."""
        if self._values.keys() - _SHARED.keys() - {"response_validation"}:
            return None
        return Defaults({_SHARED[name]: value for name, value in self._values.items() if name in _SHARED})

    def open(self, table: bytes, provider: Provider | None) -> Session:
        """A session of the API that ``table`` describes."""
        from . import _errors, _native

        session = _native.Session.open(self._encoded(table), provider)
        if isinstance(session, _native.Session):
            return session
        raise _errors.of(session)

    def _encoded(self, table: bytes) -> bytes:
        import sys

        import msgspec

        from ._errors import ConfigError

        members: dict[str, Any] = {"api": msgspec.Raw(table), "language": "python/{}.{}.{}".format(*sys.version_info)}
        try:
            for name, value in self._values.items():
                if name not in ("response_validation", "credentials"):
                    members["headers" if name == "default_headers" else name] = value
            return msgspec.json.encode(members)
        except (TypeError, ValueError) as error:
            problem = ConfigError(f"the client's options cannot be written as JSON: {error}")
        finally:
            members = value = None  # type: ignore[assignment]
        raise problem

    def __reduce__(self) -> str:
        raise TypeError("a client cannot be pickled: it holds credentials; make one in each process")


class Defaults(dict[str, Any]):
    """What a client asks of each call, in the core's words. A header may be a secret, so it shows nothing of itself."""

    def over(self, others: Defaults) -> Defaults:
        """These with ``others`` on top; headers are laid over one by one."""
        headers = {**self.get("headers", {}), **others.get("headers", {})}
        return Defaults({**self, **others, **({"headers": headers} if headers else {})})

    def __repr__(self) -> str:
        return "Defaults(...)"


def call_options(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Defaults | None:
    """The options of one call in the core's words, over the client's own; ``None`` where there are none."""
    if not options and not defaults:
        return None
    kinds = {name: type(value) for name, value in options.items() if value is not None}
    for name in options:
        if name not in _OF_A_CALL:
            raise TypeError(f"unexpected keyword argument {name!r}{_suggestion(name, _OF_A_CALL)}")
    for name, kind in kinds.items():
        wanted = _KINDS_OF_A_CALL[name]
        if not issubclass(kind, wanted):
            raise TypeError(f"argument {name!r} is {_WORDS[wanted]}, not {kind.__name__}")
    merged = Defaults(defaults)
    try:
        for name, value in options.items():
            if value is None:
                continue
            word = _OF_A_CALL[name]
            if word in ("headers", "query"):
                value = {**merged.get(word, {}), **value}
            merged[word] = value
        return merged
    finally:
        # See _request: no frame keeps what is sent.
        options = defaults = value = None  # type: ignore[assignment]


def _suggestion(name: str, known: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"
