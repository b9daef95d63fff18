"""Forms with files (`multipart/form-data`, RFC 7578): from paths, bytes, open files, with names and types of their own."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Iterator
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import bitting
import pytest
from reference import ROOT
from reference import bitting as command
from stub import Answer, Request, Stub


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The package of a document that has an upload."""
    out = tmp_path_factory.mktemp("kitchen-sink")
    document = ROOT / "codegen" / "tests" / "documents" / "kitchen-sink.yaml"
    subprocess.run([command(), "generate", str(document), "--lang", "python", "--out", str(out)], check=True, capture_output=True)
    sys.path.insert(0, str(out / "src"))
    import kitchen_sink

    yield kitchen_sink
    sys.path.remove(str(out / "src"))


def parts(request: Request) -> list[tuple[str, str | None, str | None, bytes]]:
    """The parts of a form, as the standard library reads them."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.body)
    assert message.is_multipart()
    found = []
    for part in message.get_payload():
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        kind = part["content-type"] and part.get_content_type()
        found.append((str(part.get_param("name", header="content-disposition")), part.get_filename(), kind, content))
    return found


def test_what_can_be_given_for_a_file(package: Any, stub: Stub, tmp_path: Path) -> None:
    """Each kind arrives with its content, its name and its type; text stays text."""
    path = tmp_path / "plan ü.pdf"
    path.write_bytes(b"\x00\xff--pdf")
    stub.answer = lambda request: Answer(204)
    client = package.KitchenSink(base_url=stub.url, api_key="fake-key", environment={})
    with path.open("rb") as opened:
        given: list[tuple[Any, str | None, str, bytes]] = [
            (b"plain", "file", "application/octet-stream", b"plain"),
            (bytearray(b"array"), "file", "application/octet-stream", b"array"),
            (path, "plan ü.pdf", "application/pdf", b"\x00\xff--pdf"),
            (opened, "plan ü.pdf", "application/pdf", b"\x00\xff--pdf"),
            (io.BytesIO(b"memory"), "file", "application/octet-stream", b"memory"),
            (bitting.File(b"a,b", name="rows.csv"), "rows.csv", "text/csv", b"a,b"),
            (bitting.File(path, name="x", media_type="image/png"), "x", "image/png", b"\x00\xff--pdf"),
        ]
        for value, name, kind, content in given:
            client.files.upload(file=value, name="a plan")
            found = parts(stub.requests[-1])
            assert found[0] == ("name", None, None, b"a plan")
            assert found[1][2:] == (kind, content) and found[1][0] == "file"
            assert name is not None and name.encode() in stub.requests[-1].body


def test_the_same_awaited(package: Any, stub: Stub) -> None:
    """The asynchronous client sends the same form; without a file it is a form of text."""
    stub.answer = lambda request: Answer(204)

    async def main() -> None:
        async with package.AsyncKitchenSink(base_url=stub.url, api_key="fake-key", environment={}) as client:
            await client.files.upload(file=b"content", name="n")
            await client.files.upload(name="n")

    asyncio.run(main())
    assert [part[0] for part in parts(stub.requests[0])] == ["name", "file"]
    assert parts(stub.requests[1]) == [("name", None, None, b"n")]


def test_a_wrong_file_is_told(package: Any, stub: Stub) -> None:
    """Text instead of bytes, and files among other things: nothing is sent, and no content is shown."""
    client = package.KitchenSink(base_url=stub.url, api_key="fake-key", environment={})
    with pytest.raises(bitting.RequestError, match="the field 'file' was opened as text; open it in binary mode"):
        client.files.upload(file=io.StringIO("canary"))
    with pytest.raises(bitting.RequestError, match="the field 'file' mixes files with other values"):
        client.files.upload(file=[b"canary", 7])
    assert stub.requests == []
    assert "canary" not in repr(bitting.File(b"canary"))
