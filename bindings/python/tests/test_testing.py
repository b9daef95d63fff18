"""The pytest plugin: one world per test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bitting.testing import ControlError, ReferenceServer, bitting, bitting_server
from reference import ROOT
from reference import bitting as command
from roboticks import Roboticks

__all__ = ["bitting", "bitting_server"]
ADA = "ada@acme.example"


@pytest.fixture(scope="session")
def bitting_document() -> Path:
    """The document of these tests, served by the command that cargo built."""
    os.environ.setdefault("BITTING_BIN", command())
    return ROOT / "spec" / "openapi" / "roboticks.yaml"


def total(server: ReferenceServer) -> int:
    """How many devices there are."""
    with Roboticks(base_url=server.url, api_key=server.mint_key(ADA), environment={}) as client:
        return client.devices.list("acme", "warehouse").total


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_world_of_its_own(bitting: ReferenceServer, turn: int) -> None:
    assert total(bitting) == 45, f"turn {turn} sees the beginning"
    with Roboticks(base_url=bitting.url, api_key=bitting.mint_key(ADA), environment={}) as client:
        client.devices.create("acme", "warehouse", name="Picker", serial_number="RBT-0001")
    assert total(bitting) == 46
    assert bitting.control("GET", "/v1/steps") == {"skipped": []}
    bitting.control("PUT", "/v1/steps", {"skipped": ["scope"]})
    bitting.defects("M01")
    bitting.fault({"kind": "status", "status": 503})
    bitting.advance(3600)


def test_a_refusal_says_why(bitting: ReferenceServer) -> None:
    with pytest.raises(ControlError, match="there is no user `nobody`"):
        bitting.mint_key("nobody")
    token = bitting.mint_token(ADA, tamper="alg-none")
    assert token.endswith(".")
    assert bitting.journal(status=500) == []


def test_servers_at_the_same_time_never_meet(bitting_document: Path) -> None:
    def alone(number: int) -> tuple[str, int]:
        with ReferenceServer(bitting_document, seed=number) as server:
            with Roboticks(base_url=server.url, api_key=server.mint_key(ADA), environment={}) as client:
                for serial in range(number):
                    client.devices.create("acme", "warehouse", name="Picker", serial_number=f"RBT-{serial:04}")
            return server.url, total(server)

    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(alone, range(4)))
    assert len({url for url, _ in seen}) == 4
    assert [count for _, count in seen] == [45, 46, 47, 48]


WORKER = """
import json, os, pathlib, pytest
from bitting.testing import ReferenceServer

@pytest.mark.parametrize("turn", range(6))
def test_world(bitting: ReferenceServer, turn: int) -> None:
    bitting.control("POST", "/v1/organizations", {"slug": "initech"})
    names = [one["slug"] for one in bitting.control("GET", "/v1/world")["organizations"]]
    assert names == ["acme", "globex", "initech"], "nobody else is here, and nothing is left of the turn before"
    line = json.dumps([os.environ["PYTEST_XDIST_WORKER"], bitting.url])
    pathlib.Path(os.environ["SEEN"], f"{turn}.json").write_text(line)
"""


def test_each_worker_of_xdist_has_a_server_of_its_own(bitting_document: Path, tmp_path: Path) -> None:
    (tmp_path / "test_worker.py").write_text(WORKER)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nbitting_document = {bitting_document}\n")
    seen = tmp_path / "seen"
    seen.mkdir()
    line = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "bitting.testing", "-n", "2", "--maxschedchunk", "1"]
    environment = {**os.environ, "SEEN": str(seen), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([*line, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    pairs = {tuple(json.loads(file.read_text())) for file in seen.iterdir()}
    workers, urls = {worker for worker, _ in pairs}, {url for _, url in pairs}
    assert len(workers) == len(urls) == len(pairs) == 2, pairs
