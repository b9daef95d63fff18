"""The three programs print the same, though the token expires and the server says 429 on the way."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {
    "rust": [os.environ.get("BITTING_EXAMPLE", "devices")],
    "python": [sys.executable, str(ROOT / "examples/python/devices.py")],
    "node": ["node", str(ROOT / "examples/node/devices.mjs")],
}


class Server:
    """The reference server, as its one line of JSON describes it."""

    def __init__(self, line: str) -> None:
        self.about = json.loads(line)

    def control(self, method: str, path: str, body: object = None) -> object:
        """Calls the control plane."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.about['control_token']}", "content-type": "application/json"}
        request = urllib.request.Request(self.about["control_url"] + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@pytest.fixture(scope="module")
def server():
    """A reference server for Roboticks."""
    command = [os.environ["BITTING_BIN"], "serve", str(ROOT / "spec/openapi/roboticks.yaml"), "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield Server(process.stdout.readline())
        process.terminate()


def run(server: Server, command: list[str]) -> tuple[str, list[int]]:
    """Runs a program while its token expires and it is told to wait; answers what it printed and was told."""
    server.control("POST", "/v1/reset")
    # Before the second page the clock moves past the token's hour: the server itself then refuses the token.
    expiry = {"kind": "advance-clock", "seconds": 3700}
    server.control("POST", "/v1/faults", {"operation": "listDevices", "nth": 2, "times": 1, "effect": expiry})
    # The third page is refused once, as ROBOTICKS-5 has it. (A real limit the client sees coming, and paces itself.)
    body = {"detail": "Rate limit exceeded. Try again in 1 seconds.", "retry_after": 1}
    limit = {"kind": "status", "status": 429, "body": body}
    server.control("POST", "/v1/faults", {"operation": "listDevices", "nth": 4, "times": 1, "effect": limit})
    ada = server.control("GET", "/v1/credentials")["users"][0]
    environment = {
        **os.environ,
        "ROBOTICKS_BASE_URL": server.about["base_url"],
        "ROBOTICKS_EMAIL": ada["email"],
        "ROBOTICKS_PASSWORD": ada["password"],
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    entries = server.control("GET", "/v1/journal")["entries"]
    return done.stdout, [entry["status"] for entry in entries]


def test_the_programs_print_the_same(server: Server) -> None:
    """ROBOTICKS-2, ROBOTICKS-3, ROBOTICKS-5: login, an expired token, a 429, three pages; three equal outputs."""
    outputs = {}
    for language, command in PROGRAMS.items():
        outputs[language], statuses = run(server, command)
        assert statuses.count(401) == 1, (language, statuses)
        assert statuses.count(429) >= 1, (language, statuses)
    assert len(outputs["rust"].splitlines()) == 46, outputs["rust"]
    assert outputs["python"] == outputs["rust"]
    assert outputs["node"] == outputs["rust"]
