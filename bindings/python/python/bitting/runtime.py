"""What generated packages are written against. Everything here keeps its name and meaning within a major version."""

from ._auth import Explains
from ._client import AsyncClient, SyncClient
from ._decode import BINARY, EMPTY, TEXT, Answer, Json
from ._not_given import NOT_GIVEN, NotGiven
from ._options import RequestOptions
from ._pages import AsyncPage, AsyncPaginator, Pages, SyncPage
from ._redacted import redacted
from ._resource import AsyncResource, SyncResource, given, raw, raw_async
from ._union import UnknownVariant, one_of

__all__ = [
    "BINARY",
    "EMPTY",
    "NOT_GIVEN",
    "TEXT",
    "Answer",
    "AsyncClient",
    "AsyncPage",
    "AsyncPaginator",
    "AsyncResource",
    "Explains",
    "Json",
    "NotGiven",
    "Pages",
    "RequestOptions",
    "SyncClient",
    "SyncPage",
    "SyncResource",
    "UnknownVariant",
    "given",
    "one_of",
    "raw",
    "raw_async",
    "redacted",
]
