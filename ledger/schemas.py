"""The types of entries and their fields. docs/formats/ledger-entry.md is their public page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger import checks
from ledger.checks import Check


@dataclass(frozen=True)
class Schema:
    """The fields of one entry type.

    `subject` is what the entry is about, filled in from the fields; `once` whether a subject has one entry at most;
    `signatures` how many an entry needs at least.
    """

    subject: str
    fields: Mapping[str, Check]
    optional: Mapping[str, Check]
    once: bool
    signatures: int

    def subject_of(self, body: Mapping[str, Any]) -> str:
        """Return the subject of an entry with this body."""
        return self.subject.format_map(body)


def _schema(subject: str, *, once: bool, signatures: int = 0, optional: Any = None, **fields: Check) -> Schema:
    return Schema(subject, fields, optional or {}, once, signatures)


SCHEMAS: Mapping[str, Schema] = {
    "key": _schema(
        "key:{kid}",
        once=True,
        signatures=1,
        kid=checks.KID,
        alg=checks.one_of("Ed25519", "ES256", "ML-DSA-44"),
        use=checks.one_of("log", "certificates", "claims", "cosignatures", "creators"),
        public_jwk=checks.public_jwk,
        optional={"holder": checks.UUID, "custody": checks.one_of("custodial", "own")},
    ),
    "key-rotation": _schema(
        "key:{kid}", once=True, signatures=2, kid=checks.KID, next=checks.KID, until=checks.integer(0)
    ),
    "key-revocation": _schema(
        "key:{kid}",
        once=True,
        signatures=1,
        kid=checks.KID,
        reason=checks.one_of("superseded", "compromised", "lost", "retired"),
    ),
    "asset": _schema(
        "asset:{sha256}", once=True, sha256=checks.DIGEST, size_bytes=checks.integer(0), media_type=checks.NAME
    ),
    # A split of very many payees does not fit an entry: then only its digest and their number are stated.
    "split": _schema(
        "split:{split}",
        once=True,
        split=checks.DIGEST,
        optional={"shares": checks.shares, "payees": checks.integer(1)},
    ),
    "release": _schema(
        "release:{release}",
        once=True,
        signatures=1,
        release=checks.DIGEST,
        pack=checks.NAME,
        version=checks.text(64),
        creator=checks.NAME,
    ),
    # `previous` is the digest of the entry that made `owner` the owner, so that no transfer can be replayed.
    "transfer": _schema(
        "release:{release}",
        once=False,
        signatures=2,
        release=checks.DIGEST,
        owner=checks.UUID,
        new_owner=checks.UUID,
        previous=checks.DIGEST,
    ),
    "takedown": _schema(
        "release:{release}",
        once=False,
        release=checks.DIGEST,
        status=checks.one_of("taken-down", "restored"),
        reason=checks.one_of("claim", "law", "rules", "creator"),
        optional={"claim": checks.UUID},
    ),
    "offer": _schema(
        "offer:{offer}",
        once=True,
        signatures=1,
        offer=checks.UUID,
        release=checks.DIGEST,
        terms=checks.DIGEST,
        price_commitment=checks.DIGEST,
    ),
    "offer-price": _schema(
        "offer:{offer}", once=False, signatures=1, offer=checks.UUID, price_commitment=checks.DIGEST
    ),
    "offer-withdrawal": _schema("offer:{offer}", once=True, signatures=1, offer=checks.UUID),
    "grant": _schema(
        "grant:{grant}",
        once=True,
        grant=checks.UUID,
        release=checks.DIGEST,
        offer=checks.UUID,
        terms=checks.DIGEST,
        licensee_commitment=checks.DIGEST,
        certificate=checks.DIGEST,
        # Said of a grant whose offer was withdrawn between order and payment: Unix seconds.
        # And of one that was passed on: which grant it replaces.
        optional={"ordered_at": checks.integer(0), "replaces": checks.UUID},
    ),
    "grant-status": _schema("grant:{grant}", once=False, grant=checks.UUID, status=checks.text(64)),
    "claim": _schema(
        "claim:{claim}",
        once=False,
        claim=checks.UUID,
        event=checks.one_of("opened", "countered", "maintained", "accepted", "withdrawn", "upheld", "dismissed"),
        asset=checks.DIGEST,
        disputed=checks.DIGEST,
        evidence=checks.DIGEST,
        optional={"release": checks.DIGEST, "due_at": checks.integer(0)},
    ),
    "royalty-statement": _schema(
        "royalties:{period}:{currency}",
        once=True,
        period=checks.matching(r"[0-9]{4}-(0[1-9]|1[0-2])", "a month such as 2026-11"),
        currency=checks.matching(r"[A-Z]{3}", "an ISO 4217 currency"),
        statements=checks.integer(0),
        root=checks.DIGEST,
    ),
    # A recipe's lock, whose document stays with the studio: that it was so, and when.
    "recipe": _schema("recipe:{recipe}", once=True, recipe=checks.DIGEST),
    # That a release may become a token of this contract, for the wallet that its owner named. The contract writes these
    # bytes again, so no field may be added, and nobody signs it here: the wallet signs its leaf, for the chain.
    "asset-token": _schema(
        "release:{release}",
        once=False,
        bps=checks.integer(0, 1000),
        chain_id=checks.integer(1),
        contract=checks.LOWER_ADDRESS,
        owner=checks.LOWER_ADDRESS,
        release=checks.DIGEST,
        split=checks.DIGEST,
    ),
    # Uses of recipes that were counted: `usage` is the digest of what was said, `uses` how many were new.
    "usage": _schema("usage:{usage}", once=False, usage=checks.DIGEST, uses=checks.integer(1)),
    # The root of the verifiable index of the first `size` leaves (docs/formats/index.md).
    "index-root": _schema(
        "index:{size}", once=True, size=checks.integer(0), keys=checks.integer(0), root=checks.DIGEST
    ),
    # Whose cosignatures a published checkpoint carries: SHA-256 of the text in the c2sp.org/tlog-policy format.
    "policy": _schema("policy:{policy}", once=True, policy=checks.DIGEST, witnesses=checks.integer(0)),
    "anchor-receipt": _schema(
        "checkpoint:{size}",
        once=False,
        size=checks.integer(1),
        root=checks.DIGEST,
        chain_id=checks.integer(1),
        contract=checks.matching(r"0x[0-9A-Fa-f]{40}", "a contract address"),
        transaction=checks.matching(r"0x[0-9a-f]{64}", "a transaction hash"),
        block_number=checks.integer(0),
        block_time=checks.integer(0),
    ),
}
"""Every entry type of ours there is."""

FOREIGN_TYPE = "dsse"
"""A release's signature as sigstore's log writes one down (kind dsse 0.0.2): not an entry of our format."""

ONCE_TYPES = tuple(sorted([name for name, schema in SCHEMAS.items() if schema.once] + [FOREIGN_TYPE]))
"""Types of which a subject has one entry at most; the database holds it as ledger_entry_said_once."""
