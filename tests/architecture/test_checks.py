"""`manage.py check --deploy` names what is still embedded, and nothing else."""

from typing import Any

import pytest

from marketplace.checks import embedded_defaults


def test_a_laptop_owns_up_to_every_embedded_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DATABASE_URL", "WORLDLOOM_SECRET_KEY"):
        monkeypatch.delenv(variable, raising=False)
    found = embedded_defaults(None)
    assert [message.id for message in sorted(found, key=lambda message: message.id)] == [
        f"worldloom.W{number:03d}" for number in (*range(1, 9), 10)
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
