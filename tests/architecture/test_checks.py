"""`manage.py check --deploy` names what is still embedded, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.suite import CONTRACTS, FORMAT
from marketplace.checks import embedded_defaults


def test_a_laptop_owns_up_to_every_embedded_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DATABASE_URL", "WORLDLOOM_SECRET_KEY"):
        monkeypatch.delenv(variable, raising=False)
    found = embedded_defaults(None)
    assert [message.id for message in sorted(found, key=lambda message: message.id)] == [
        f"worldloom.W{number:03d}" for number in (*range(1, 9), 10, 14)
    ]
    assert all(str(message.msg).endswith(".") and message.hint for message in found)


def test_a_server_that_sets_everything_hears_nothing(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/worldloom")
    monkeypatch.setenv("WORLDLOOM_SECRET_KEY", "x" * 64)
    settings.ADAPTERS = {port: f"house.{port}.Adapter" for port in settings.ADAPTERS}
    settings.CHAIN_RPC_URL = "https://chain.example"
    settings.LOG_ORIGIN = "worldloom.example/log"
    assert embedded_defaults(None) == []


@pytest.mark.parametrize(
    ("storage", "changes", "says"),
    [
        ("assets.storage.s3.S3Storage", {}, "set WORLDLOOM_S3_BUCKET."),
        ("assets.storage.s3.S3Storage", {"bucket": "worlds", "access_key": "alice"}, "is half set"),
        ("assets.storage.folder.FolderStorage", {"bucket": "worlds"}, "A bucket is named and not used"),
        ("assets.storage.s3.S3Storage", {"bucket": "worlds"}, None),
        ("assets.storage.s3.S3Storage", {"bucket": "worlds", "access_key": "alice", "secret_key": "x"}, None),
    ],
)
def test_half_a_bucket_is_found_before_the_first_upload(
    settings: Any, storage: str, changes: dict[str, str], says: str | None
) -> None:
    settings.ADAPTERS = {**settings.ADAPTERS, "storage": storage}
    settings.S3 = {"bucket": "", "access_key": "", "secret_key": "", **changes}

    found = [str(message.msg) for message in embedded_defaults(None) if message.id == "worldloom.W009"]

    assert len(found) == (1 if says else 0)
    assert all(says in message for message in found)


@pytest.mark.parametrize(
    ("default", "of_use", "in_files"),
    [
        ("ledger.signing.files.FileKeys", {}, "(log, certificates, claims, cosignatures)"),
        ("ledger.signing.files.FileKeys", {"log": "ledger.signing.pkcs11.Pkcs11Keys"}, "(certificates, claims, cosi"),
        ("ledger.signing.kms.KmsKeys", {"log": "ledger.signing.files.FileKeys"}, "(log)"),
        ("ledger.signing.kms.KmsKeys", {"log": "ledger.signing.pkcs11.Pkcs11Keys"}, None),
    ],
)
def test_each_use_whose_keys_are_files_is_named(
    settings: Any, default: str, of_use: dict[str, str], in_files: str | None
) -> None:
    settings.ADAPTERS = {**settings.ADAPTERS, "keys": default}
    settings.KEYS_OF_USE = of_use

    found = [str(message.msg) for message in embedded_defaults(None) if message.id == "worldloom.W006"]

    assert len(found) == (1 if in_files else 0)
    assert all(in_files in message for message in found)


def recorded(tmp_path: Path, settings: Any) -> dict[str, str]:
    """Records a suite on a public chain, with one key file for all roles; returns the addresses."""
    at = {name: "0x" + f"{place:02x}" * 20 for place, name in enumerate(CONTRACTS, start=1)}
    contracts = {name: {"address": address, "block_number": 7} for name, address in at.items()}
    document = {"format": FORMAT, "chain_id": 8453, "contracts": contracts, "tokens": [], "wrapped": ""}
    record = tmp_path / "contracts.json"
    record.write_text(json.dumps(document))
    settings.CHAIN_SUITE, settings.CHAIN_RPC_URL = str(record), "https://chain.example"
    settings.CHAIN_KEY_FILE, settings.CHAIN_KEY_FILES, settings.CHAIN_ANCHOR_ADDRESS = "one.key", {}, ""
    return at


def said_of_the_chain() -> list[str]:
    wanted = ("worldloom.W012", "worldloom.W013")
    return [f"{found.id} {found.msg}" for found in embedded_defaults(None) if found.id in wanted]


def test_roles_that_share_a_key_on_a_public_chain_are_named(tmp_path: Path, settings: Any) -> None:
    recorded(tmp_path, settings)
    (told,) = said_of_the_chain()
    assert told.startswith(
        "worldloom.W012 Roles on the chain share a key (anchorer, keeper, registrar, settler, offers)"
    )
    settings.CHAIN_KEY_FILES = {role: f"{role}.key" for role in ("keeper", "registrar")}
    (told,) = said_of_the_chain()
    assert "(anchorer, settler, offers)" in told
    settings.CHAIN_KEY_FILES |= {"settler": "settler.key", "offers": "offers.key"}
    assert said_of_the_chain() == []


def test_an_anchor_beside_the_suite_and_a_broken_record_are_named(tmp_path: Path, settings: Any) -> None:
    at = recorded(tmp_path, settings)
    settings.CHAIN_KEY_FILES = {role: f"{role}.key" for role in ("keeper", "registrar", "settler", "offers")}
    settings.CHAIN_ANCHOR_ADDRESS = at["ProvenanceAnchor"].upper().replace("0X", "0x")
    assert said_of_the_chain() == []
    settings.CHAIN_ANCHOR_ADDRESS = at["ClaimBook"]
    (told,) = said_of_the_chain()
    assert told.startswith("worldloom.W013 Checkpoints are anchored in another contract")
    Path(settings.CHAIN_SUITE).write_text("{")
    (told,) = said_of_the_chain()
    assert told.startswith("worldloom.W013 The record of the contracts cannot be read")
