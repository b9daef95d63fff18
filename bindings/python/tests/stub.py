"""A scripted HTTP server for what happens on the wire: each test says how it answers, and reads what it was sent."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: tuple[str, int]
    _connection: socket.socket = field(repr=False)

    def is_hung_up(self, within: float) -> bool:
        """Whether the client closes the connection within so many seconds."""
        readable, _, _ = select.select([self._connection], [], [], within)
        return bool(readable) and self._connection.recv(1, socket.MSG_PEEK) == b""

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What the server answers. ``body`` that is neither bytes nor ``None`` is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


class Stub:
    """The server. ``answer`` makes the answer of each request; ``None`` closes the connection without one."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer | None] = lambda request: Answer(404, {"detail": "no script"})
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                stub._serve(self)

            def log_message(self, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # A client that hung up is what some tests are about.

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        length = int(handler.headers.get("content-length", 0))
        body = handler.rfile.read(length)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, path, query, headers, body, handler.client_address[:2], handler.connection)
        self.requests.append(request)
        answer = self.answer(request)
        if answer is None:
            handler.close_connection = True
            return
        time.sleep(answer.delay)
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        if answer.body is None:
            content = b""
        lines = {"content-type": "application/json", **answer.headers, "content-length": str(len(content))}
        if answer.status == 204:
            del lines["content-length"], lines["content-type"]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        handler.wfile.write(f"HTTP/1.1 {answer.status} X\r\n{head}\r\n".encode() + content)

    def close(self) -> None:
        """Stops the server."""
        self._server.shutdown()
        self._server.server_close()


def device(number: int = 7) -> dict[str, Any]:
    """A device as Roboticks answers it."""
    return {
        "id": f"3f2b8c1e-5d47-4a9b-8f10-{number:012d}",
        "name": f"Picker {number}",
        "serial_number": f"RBT-TEST-{number:04d}",
        "status": "online",
        "tags": ["picker"],
        "created_at": "2026-01-15T09:30:00Z",
        "updated_at": "2026-01-15T09:30:00Z",
    }


def page(numbers: range, total: int, limit: int = 20, offset: int = 0) -> dict[str, Any]:
    """A page of devices."""
    return {"items": [device(number) for number in numbers], "total": total, "limit": limit, "offset": offset}
