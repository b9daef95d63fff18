"""The pytest plugin: one world per test."""

from __future__ import annotations

import os
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
    bitting.defects("M01")
    bitting.fault({"kind": "status", "status": 503})
    bitting.advance(3600)


def test_a_refusal_says_why(bitting: ReferenceServer) -> None:
    with pytest.raises(ControlError, match="there is no user `nobody`"):
        bitting.mint_key("nobody")
    token = bitting.mint_token(ADA, tamper="alg-none")
    assert token.endswith(".")
    assert bitting.journal(status=500) == []
