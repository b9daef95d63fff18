"""What is known of a client's credentials; never the secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime

    from ._client import _Client


class CredentialReport:
    """A credential that a client has for a security scheme."""

    __slots__ = ("expires_at", "id", "scheme", "scopes", "source")

    def __init__(
        self, scheme: str, source: str, id: str, expires_at: datetime.datetime | None, scopes: tuple[str, ...]
    ) -> None:
        self.scheme = scheme
        """The security scheme's name in the document."""
        self.source = source
        """Where the credential came from: an argument, a variable, a kept login."""
        self.id = id
        """What tells it from others without saying anything about it."""
        self.expires_at = expires_at
        """When the token that is held now ends; ``None`` for a key, or while there is no token."""
        self.scopes = scopes
        """The scopes of that token, where they are known."""

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={getattr(self, name)!r}" for name in ("scheme", "source", "expires_at", "scopes"))
        return f"CredentialReport({members})"


class Explains:
    """``explain()``, for whatever stands at ``client.auth``: the API's own resource of that name, too."""

    __slots__ = ()

    _client: Any

    def explain(self) -> list[CredentialReport]:
        """Which credential the client uses for each scheme, from where, until when, and for what. No secret."""
        import json

        from . import _errors

        report = self._client._live().explain()
        if not isinstance(report, str):
            raise _errors.of(report)
        return [_report(one) for one in json.loads(report)]


class Auth(Explains):
    """A client's credentials."""

    __slots__ = ("_client",)

    def __init__(self, client: _Client) -> None:
        self._client = client


def _report(one: dict[str, Any]) -> CredentialReport:
    import datetime

    end = one["expires_at"]
    expires_at = None if end is None else datetime.datetime.fromtimestamp(end, datetime.timezone.utc)
    return CredentialReport(one["scheme"], one["source"], one["id"], expires_at, tuple(one["scopes"]))
