"""HTTP headers as a read-only mapping that does not care about case (RFC 9110, section 5.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


class Headers(Mapping[str, str]):
    """Headers by name. A header that came several times reads as one, joined by ``", "`` (RFC 9110, section 5.3)."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._pairs = tuple((name.lower(), value) for name, value in pairs)

    def get_list(self, name: str) -> list[str]:
        """Every value of a header, in order: the one right way to read ``Set-Cookie``."""
        name = name.lower()
        return [value for other, value in self._pairs if other == name]

    def __getitem__(self, name: str) -> str:
        values = self.get_list(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(dict(self._pairs))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(other == name.lower() for other, _ in self._pairs)

    def __repr__(self) -> str:
        # Values stay out: a server may send a token back.
        return f"Headers({', '.join(self)})"

    def __reduce__(self) -> tuple[type[Headers], tuple[tuple[tuple[str, str], ...]]]:
        return Headers, (self._pairs,)
