"""The committed artifact belongs to the committed source."""

import json

from ledger.chain import artifacts
from ledger.chain.artifacts import load, signature
from tests.ledger.chain.makers import HOME, toolchain


def test_the_artifact_was_made_from_this_source() -> None:
    tools = toolchain()
    assert [path.stem for path in sorted(artifacts.FOLDER.glob("*.json"))] == sorted(tools.PUBLISHED)
    for name in tools.PUBLISHED:
        assert load(name).source_sha256 == tools.source_digest(name), f"{name}: run contracts/tools/build and commit"


def test_the_artifact_offers_what_the_adapter_calls() -> None:
    offered = {signature(item) for item in load("ProvenanceAnchor").abi if "name" in item}
    assert {
        "anchor(bytes32,uint64,bytes32)",
        "anchorOf(bytes32)",
        "head()",
        "verifyInclusion(bytes32,bytes32,uint64,bytes32[])",
        "CheckpointAnchored(bytes32,bytes32,bytes32)",
        "NotAnchorer(address)",
        "AlreadyAnchored(bytes32,uint64)",
        "NotGrowing(uint64,uint64)",
    } <= offered


def test_the_artifact_names_no_machine_and_no_registry() -> None:
    text = (artifacts.FOLDER / "ProvenanceAnchor.json").read_text()
    document = json.loads(text)
    assert document["settings"]["evmVersion"] == "cancun"
    assert document["compiler"].startswith("0.8.")
    lock = (HOME / "contracts/package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert str(HOME) not in text
