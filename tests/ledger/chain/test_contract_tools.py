"""The contracts' tests and proofs are compiled for what is published, and the bugs that are planted are still bugs."""

import importlib.util
import json
import re
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


def tool(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(CONTRACTS / "tools"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader(name, str(CONTRACTS / "tools" / name))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def mutate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return tool("mutate", monkeypatch)


@pytest.fixture
def slither(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return tool("slither", monkeypatch)


def bodies() -> dict[str, str]:
    """Each contract and library of contracts/src by its name."""
    pattern = r"^(?:abstract )?(?:contract|library) (\w+)\b.*?^}"
    texts = [path.read_text() for path in sorted((CONTRACTS / "src").rglob("*.sol"))]
    return {found[1]: found[0] for text in texts for found in re.finditer(pattern, text, re.M | re.S)}


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


def test_each_answer_to_slither_names_a_contract_and_what_it_has_there(slither: ModuleType) -> None:
    given = json.loads((CONTRACTS / "slither.json").read_text())
    contracts = bodies()
    for one in given:
        assert list(one) == [*slither.Finding._fields, "reason"], one
        assert re.fullmatch(r"[A-Z].{15,}[^.]\.", one["reason"]), f"one sentence: {one}"
        assert one["contract"] in one["text"], one
        assert "#" not in one["text"], f"a line number: {one}"
        body, member = contracts[one["contract"]], one["member"]
        if member in ("constructor", "fallback"):
            assert re.search(rf"^    {member}\(", body, re.M), one
        elif member is not None:
            assert member in one["text"], one
            assert re.search(rf"^    (?:function {member}\(|[\w ]+ {member}(?: =|;))", body, re.M), one
    findings = [slither.Finding(**{name: one[name] for name in slither.Finding._fields}) for one in given]
    assert findings == slither.ordered(set(findings)), "each once, in the order of `contracts/tools/slither --list`"


def test_slither_fails_on_what_is_not_answered_and_on_what_is_no_more(slither: ModuleType) -> None:
    known = slither.Finding("timestamp", "ClaimBook", "expire", "ClaimBook.expire(bytes16) uses the time")
    new = slither.Finding("missing-inheritance", "ClaimBook", None, "ClaimBook should inherit from IClaims")
    assert slither.wrong({known}, {known}) == []
    assert slither.wrong({new}, {known}) == [
        "Not answered in contracts/slither.json: missing-inheritance in ClaimBook: "
        "ClaimBook should inherit from IClaims",
        "Answered in contracts/slither.json, but not found: timestamp in ClaimBook.expire: "
        "ClaimBook.expire(bytes16) uses the time",
    ]


def test_a_finding_stays_the_same_when_lines_move(slither: ModuleType) -> None:
    def said(line: int) -> dict[str, Any]:
        place = {"filename_relative": "src/ClaimBook.sol"}
        contract = {"type": "contract", "name": "ClaimBook", "source_mapping": place}
        function = {"type": "function", "name": "expire", "source_mapping": place}
        function["type_specific_fields"] = {"parent": contract}
        text = (
            f"ClaimBook.expire(bytes16) (src/ClaimBook.sol#{line}-{line + 5}) uses the time\n"
            f"\t- now < from (src/ClaimBook.sol#{line})\n"
        )
        return {"check": "timestamp", "elements": [function], "description": text}

    expected = slither.Finding(
        "timestamp", "ClaimBook", "expire", "ClaimBook.expire(bytes16) uses the time ; now < from"
    )
    assert slither.finding(said(182)) == slither.finding(said(7)) == expected


def test_slither_and_all_that_it_needs_are_pinned_and_no_host_is_named() -> None:
    pins = (CONTRACTS / "slither.txt").read_text()
    (wanted,) = [line for line in (CONTRACTS / "slither.in").read_text().splitlines() if not line.startswith("#")]
    assert re.fullmatch(r"slither-analyzer==[\d.]+", wanted)
    assert f"\n{wanted} " in pins
    assert "://" not in pins
    # The second line is the command that wrote the file, which asks for no host.
    assert "index-url" not in pins.split("\n", 2)[2]
    assert "step contracts/tools/slither" in (HOME / ".ci/run").read_text()
