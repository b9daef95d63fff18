"""The README's Python code is run as it stands, so that it cannot rot; ``bitting`` and its server are real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference import ROOT, Reference

PLACES = [ROOT / "README.md", *sorted((ROOT / "bindings" / "python").glob("README.md"))]


def blocks(path: Path) -> list[str]:
    """The programs in Python of a Markdown file. A test of somebody's app is none: ``test_check.py`` has the like."""
    code = re.findall(r"^```python\n(.*?)^```", path.read_text(), flags=re.M | re.S)
    return [block for block in code if "def test_" not in block]


BLOCKS = [pytest.param(block, id=f"{path.parent.name}/{n}") for path in PLACES for n, block in enumerate(blocks(path))]


@pytest.fixture(scope="module")
def server() -> Iterator[Reference]:
    """The reference server that the examples talk to."""
    server = Reference("roboticks")
    yield server
    server.close()


def test_there_is_code() -> None:
    """A README without code would pass everything."""
    assert blocks(PLACES[0])


@pytest.mark.parametrize("block", BLOCKS)
def test_the_code_runs(server: Reference, block: str) -> None:
    """The block as a program of its own, with the password of the seeded world and the server's address."""
    server.control("POST", "/v1/reset")
    user = server.users["ada"]
    source = block.replace('password="password"', f'password="{user["password"]}"')
    if "import" not in source:
        source = f"from roboticks import AsyncRoboticks, Roboticks\n{source}"
    environment = {**os.environ, "ROBOTICKS_BASE_URL": server.url, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {"ROBOTICKS_EMAIL": user["email"], "ROBOTICKS_PASSWORD": user["password"]}
    program = ["-W", "error", "-c", source]
    done = subprocess.run([sys.executable, *program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 45
