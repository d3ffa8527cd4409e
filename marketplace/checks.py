"""What `manage.py check --deploy` says about embedded defaults still in use, and about a role that may too much."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import OperationalError

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import suite
from ledger.signing.base import ALGORITHM_OF
from marketplace.database.rights import excess
from marketplace.database.roles import current_role

# Port → id, the default that owns up, what it means, and what to set.
_ADAPTERS = {
    "storage": (
        "worldloom.W002",
        "assets.storage.folder.FolderStorage",
        "Files are kept in a folder of this machine, so other machines cannot serve them",
        "WORLDLOOM_STORAGE",
    ),
    "payments": (
        "worldloom.W004",
        "marketplace.checkout.gateways.sandbox.SandboxGateway",
        "Payments go through the sandbox gateway: anyone buys with a test card and no money moves",
        "WORLDLOOM_PAYMENTS",
    ),
    "payouts": (
        "worldloom.W005",
        "marketplace.payouts.rails.recorded.RecordedRail",
        "Payouts are only recorded: no creator receives money",
        "WORLDLOOM_PAYOUTS",
    ),
    "mail": (
        "worldloom.W010",
        "django.core.mail.backends.filebased.EmailBackend",
        "Mail is written into files of the data folder: nobody is told that their license ends",
        "WORLDLOOM_MAIL",
    ),
    "taxes": (
        "worldloom.W014",
        "marketplace.checkout.taxes.none.NoTaxes",
        "No taxes are calculated on orders, and invoices say so",
        "WORLDLOOM_TAXES",
    ),
}
_FILE_KEYS = "ledger.signing.files.FileKeys"
# What the worker sends and signs with all day; guardian and admin need not be on a server.
_HOT_ROLES = ("anchorer", "keeper", "registrar", "settler", "offers")


@register(Tags.security, deploy=True)
def embedded_defaults(app_configs: Sequence[Any] | None, **named: Any) -> list[CheckMessage]:
    """This will name each embedded default still in use, one warning each."""
    return list(_in_use())


@register(Tags.security, deploy=True)
def database_role(app_configs: Sequence[Any] | None, **named: Any) -> list[CheckMessage]:
    """This will say what the role that we run as could undo; nothing where no database answers."""
    try:
        role = current_role()
        found = excess(role=role)
    except OperationalError:
        return []
    if not found:
        return []
    said = f"The application's role in the database, {role}, {'; it '.join(found)}"
    return [
        Warning(
            f"{said}: set WORLDLOOM_DATABASE_OWNER_URL and run `manage.py database_rights`.",
            hint="docs/operate.md says how.",
            id="worldloom.W011",
        )
    ]


def _in_use() -> Iterator[CheckMessage]:
    where = "docs/operate.md says what to set."
    if not os.environ.get("DATABASE_URL"):
        yield Warning(
            "The database is the embedded PostgreSQL of this machine: set DATABASE_URL to one that is backed up.",
            hint=where,
            id="worldloom.W001",
        )
    for port, (id, default, meaning, variable) in _ADAPTERS.items():
        if default in (path.strip() for path in settings.ADAPTERS[port].split(",")):
            yield Warning(f"{meaning}: set {variable} to another adapter.", hint=where, id=id)
    adapters = {use: settings.KEYS_OF_USE.get(use, settings.ADAPTERS["keys"]) for use in ALGORITHM_OF}
    if in_files := [use for use, name in adapters.items() if name == _FILE_KEYS]:
        yield Warning(
            f"Signing keys are files in the data folder ({', '.join(in_files)}): whoever copies the folder can sign "
            "for this house: set WORLDLOOM_KEYS, or WORLDLOOM_KEYS_<USE>, to another adapter.",
            hint=where,
            id="worldloom.W006",
        )
    if not settings.CHAIN_RPC_URL:
        yield Warning(
            "The log is anchored on the development chain of this machine, which proves nothing to anybody else: "
            "set WORLDLOOM_CHAIN_RPC_URL.",
            hint=where,
            id="worldloom.W003",
        )
    else:
        yield from _public_chain()
    if not os.environ.get("WORLDLOOM_SECRET_KEY"):
        yield Warning(
            "The secret of sessions is a file in the data folder, and other machines would make their own: "
            "set WORLDLOOM_SECRET_KEY.",
            hint=where,
            id="worldloom.W007",
        )
    if settings.LOG_ORIGIN.startswith("localhost/"):
        yield Warning(
            "The log signs as localhost, a name that any house could have: set WORLDLOOM_LOG_ORIGIN before the "
            "first seal.",
            hint=where,
            id="worldloom.W008",
        )
    if settings.ADAPTERS["taxes"].endswith(".HttpTaxes") and not settings.TAXES_URL:
        yield Warning(
            "Taxes are asked of a service that no setting names, so nothing can be ordered: set WORLDLOOM_TAXES_URL.",
            hint=where,
            id="worldloom.W015",
        )
    yield from _half_of_s3()


def _public_chain() -> Iterator[CheckMessage]:
    """What a thief of one file would have on a public chain, and contracts that do not belong together."""
    where = "docs/operate.md says under “A public chain” what each key can do."
    try:
        contracts = suite()
    except ChainUnavailable as wrong:
        yield Warning(f"The record of the contracts cannot be read: {wrong.reason}.", hint=where, id="worldloom.W013")
        return
    if contracts is None:
        return
    files = {role: settings.CHAIN_KEY_FILES.get(role) or str(settings.CHAIN_KEY_FILE) for role in _HOT_ROLES}
    shared = [role for role, name in files.items() if list(files.values()).count(name) > 1]
    if shared:
        yield Warning(
            f"Roles on the chain share a key ({', '.join(shared)}), and whoever copies its file has all of them: "
            "set WORLDLOOM_CHAIN_KEY_<ROLE>.",
            hint=where,
            id="worldloom.W012",
        )
    anchor = settings.CHAIN_ANCHOR_ADDRESS
    if anchor and anchor.lower() != contracts.address("ProvenanceAnchor").lower():
        yield Warning(
            "Checkpoints are anchored in another contract than the one that tokens and licenses are proven by: "
            "unset WORLDLOOM_CHAIN_ANCHOR_ADDRESS.",
            hint=where,
            id="worldloom.W013",
        )


def _half_of_s3() -> Iterator[CheckMessage]:
    """Settings of the bucket that contradict each other or the adapter: found now, not by the first upload."""
    on_s3, s3 = settings.ADAPTERS["storage"] == "assets.storage.s3.S3Storage", settings.S3
    if on_s3 and not s3["bucket"]:
        said = "Files are to be kept in a bucket that no setting names: set WORLDLOOM_S3_BUCKET."
    elif on_s3 and bool(s3["access_key"]) != bool(s3["secret_key"]):
        said = "The bucket's access key is half set: set both WORLDLOOM_S3_ACCESS_KEY and WORLDLOOM_S3_SECRET_KEY."
    elif s3["bucket"] and settings.ADAPTERS["storage"] == _ADAPTERS["storage"][1]:
        said = "A bucket is named and not used: set WORLDLOOM_STORAGE to assets.storage.s3.S3Storage."
    else:
        return
    yield Warning(said, hint="docs/operate.md says what to set.", id="worldloom.W009")
