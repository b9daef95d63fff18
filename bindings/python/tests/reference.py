"""The reference server in a process of its own, and its control plane."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def bitting() -> str:
    """The ``bitting`` command: ``BITTING_BIN``, or what cargo built."""
    path = os.environ.get("BITTING_BIN", str(ROOT / "target" / "debug" / "bitting"))
    assert os.path.exists(path), f"{path} is not there: run `cargo build -p bitting-cli`, or name it by BITTING_BIN"
    return path


class Reference:
    """A running reference server of a document in ``spec/openapi``."""

    def __init__(self, name: str) -> None:
        document = ROOT / "spec" / "openapi" / f"{name}.yaml"
        self._process = subprocess.Popen([bitting(), "serve", str(document)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url: str = ready["base_url"]
        self._control: str = ready["control_url"]
        self._token: str = ready["control_token"]
        credentials = self.control("GET", "/v1/credentials")
        self.users: dict[str, dict[str, Any]] = {user["email"].split("@")[0]: user for user in credentials["users"]}
        self.keys: dict[str, dict[str, Any]] = {key["user"].split("@")[0]: key for key in credentials["keys"]}

    def control(self, method: str, path: str, body: Any = ...) -> Any:
        """Asks something of the control plane, without a body unless one is given."""
        request = urllib.request.Request(
            self._control + path,
            method=method,
            data=None if body is ... else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self._token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            content = answer.read()
            return json.loads(content) if content else None

    def operations(self) -> list[tuple[str, int]]:
        """What was called since the last reset, with the statuses."""
        return [(entry["operation"], entry["status"]) for entry in self.control("GET", "/v1/journal")["entries"]]

    def close(self) -> None:
        """Stops the server."""
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
