"""What an import costs: nothing that is not needed yet (bindings: cold start)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {"asyncio", "bitting._native", "dataclasses", "inspect", "json", "logging", "msgspec"}


@pytest.mark.parametrize(
    "source",
    [
        "import bitting, roboticks",
        "from roboticks import Roboticks, AsyncRoboticks",
        "from bitting import RateLimitError",
    ],
)
def test_an_import_loads_nothing_heavy(source: str) -> None:
    """Importing a client loads no decoder, no event loop and no native module; no thread starts."""
    program = f"{source}\nimport sys, threading\nassert threading.active_count() == 1\nprint(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    # What the interpreter itself loads is no cost of ours.
    bare = loaded("import sys, threading\nprint(*sys.modules)", environment)
    assert (loaded(program, environment) - bare) & HEAVY == set()


def test_a_synchronous_client_needs_no_asyncio() -> None:
    """Making a client loads the core, and still no event loop and no models."""
    program = (
        "from roboticks import Roboticks\nRoboticks(api_key='rbtk_test_key', environment={})\n"
        "import sys\nprint(*sys.modules)"
    )
    modules = loaded(program, {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert "bitting._native" in modules
    assert not {"asyncio", "roboticks.models", "roboticks.resources.devices"} & modules


def loaded(program: str, environment: dict[str, str]) -> set[str]:
    """The modules that ``program`` prints."""
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
