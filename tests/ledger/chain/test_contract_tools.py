"""The contracts' tests and proofs are compiled for what is published, and the bugs that are planted are still bugs."""

import importlib.util
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

import pytest

from tests.ledger.chain.makers import HOME

CONTRACTS = HOME / "contracts"


def settings(name: str) -> dict[str, Any]:
    return tomllib.loads((CONTRACTS / name).read_text())


@pytest.fixture
def mutate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(CONTRACTS / "tools"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("mutate", str(CONTRACTS / "tools/mutate"))
    spec = importlib.util.spec_from_loader("mutate", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["tests.toml", "proofs.toml"])
def test_what_is_tested_and_proven_is_compiled_for_the_same_machine(name: str) -> None:
    published, other = settings("foundry.toml")["profile"]["default"], settings(name)["profile"]["default"]
    for key in ("solc", "offline", "evm_version", "optimizer", "libs", "remappings", "auto_detect_remappings"):
        assert other[key] == published[key], f"{name}: {key}"
    # Folders of their own, so that one does not take the other's.
    for key in ("out", "cache_path"):
        assert other[key] != published[key], f"{name}: {key}"


def test_the_gate_plays_256_runs_of_500_calls() -> None:
    for name in ("foundry.toml", "tests.toml"):
        gate = settings(name)["profile"]["ci"]
        assert (gate["invariant"]["runs"], gate["invariant"]["depth"]) == (256, 500), name
        assert gate["invariant"]["fail_on_revert"] is True, name
        assert gate["fuzz"]["runs"] == 2000, name
    assert "FOUNDRY_PROFILE=ci make contracts-check" in (HOME / ".ci/run").read_text()


def test_each_planted_bug_has_its_one_place_and_its_tests(mutate: ModuleType) -> None:
    names = [one.name for one in mutate.MUTANTS]
    assert len(names) == len(set(names)) >= 10
    for one in mutate.MUTANTS:
        assert (CONTRACTS / f"src/{one.source}.sol").read_text().count(one.old) == 1, one.name
        assert (CONTRACTS / f"test/{one.suite}.t.sol").exists(), one.name
