"""What can be wrong with an entry in its place, by name. docs/formats/law.md is the public page."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

RULES: Mapping[str, str] = {
    "entry-too-long": "An entry has at most 4096 bytes.",
    "not-canonical": "An entry is an object in RFC 8785 JSON with integers only.",
    "unknown-format": "An entry is a worldloom/ledger-entry of version 1 or 2, or a sigstore entry of kind dsse 0.0.2.",
    "format-went-back": "After the first entry of version 2 there is none of version 1.",
    "malformed-entry": "An entry has the members of its format and no others.",
    "unknown-type": "Its type is one of those of its format.",
    "bad-field": "Its body has the fields of its type, and each holds what it may.",
    "split-misnamed": "A split is named by the digest of its own document.",
    "repeated-id": "No two entries have the same id.",
    "said-twice": "What is said once a subject is not said again.",
    "stated-in-the-past": "An entry is stated at most a day before any entry that precedes it.",
    "stated-in-the-future": "An entry is stated at most a day after the next ones, and after now.",
    "signature-malformed": "Signatures are a list of up to four kids and base64url signatures, each kid once.",
    "signature-key-unknown": "Whoever signs has registered the key in an earlier entry.",
    "signature-key-revoked": "No key signs after its revocation.",
    "signature-key-ended": "No key signs after the time that its rotation set.",
    "signature-invalid": "Every signature verifies.",
    "key-misnamed": "A key's kid is the RFC 7638 thumbprint of its public_jwk.",
    "not-self-signed": "A key entry is signed by the key that it registers.",
    "rotation-of-unknown-key": "A rotation names two registered keys that are not revoked.",
    "rotation-mismatch": "The next key is another key with the same use and holder.",
    "revocation-of-unknown-key": "A revocation names a registered key.",
    "not-signed-by-key": "Both keys sign a rotation; the key, another of its holder, or the log's key a revocation.",
    "not-signed-by-creator": "A release is signed by a key of its creator.",
    "pack-of-another": "A release of a pack is by whoever made or owns an earlier release of that pack.",
    "unknown-release": "What is said of a release follows the entry that registers it.",
    "not-signed-by-owner": "Offers and their withdrawals are signed by a key of whoever owns the release then.",
    "transfer-by-another": "Only the current owner transfers a release, and not to themselves.",
    "transfer-replayed": "A transfer names the entry that made its owner the owner.",
    "not-signed-by-both": "A transfer is signed by a key of the old owner and one of the new owner.",
    "token-of-unknown-split": "A token's split is one that was stated.",
    "token-while-taken-down": "No token is stated of a release that is taken down.",
    "token-signed": "Nobody signs a token here: the wallet that gets it signs the leaf, for the chain.",
    "unknown-offer": "A price, a withdrawal and a grant name an offer that was stated.",
    "price-of-withdrawn-offer": "No price follows the withdrawal of its offer.",
    "grant-of-withdrawn-offer": "No grant follows the withdrawal of its offer, unless it was ordered before.",
    "grant-of-no-order": "What a grant says of its order lies at most 30 days before it.",
    "grant-mismatch": "A grant is for the release and the terms of its offer.",
    "grant-while-taken-down": "No grant is made of a release that is taken down, unless it was ordered before.",
    "unknown-grant": "A grant's status follows the grant.",
    "status-after-revocation": "A revoked grant stays revoked.",
    "claim-out-of-order": "A claim is opened, answered in the order of notice and counter-notice, and ended once.",
    "claim-changed": "What a claim is about stays as it was opened.",
    "claim-of-unknown-asset": "A claim is about an asset that was registered.",
    "takedown-out-of-order": "A release is taken down, then restored, in turn.",
    "unknown-claim": "A takedown for a claim names a claim that was opened.",
    "anchor-of-another-tree": "An anchor receipt's root is that of the log's first `size` leaves, which precede it.",
    "index-out-of-order": "Each index root covers more leaves than the one before, all of which precede it.",
    "index-mismatch": "An index root's keys and root are those of the index of the first `size` leaves.",
}
"""Every rule there is, by the name of its violation."""


def printable(text: str) -> str:
    """Return the text with nothing left in it that could deceive a terminal."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


class Broken(Exception):
    """A rule that an entry breaks."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(rule, what)
        self.rule = rule
        self.what = what


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation: which rule, at which leaf, and what is wrong there."""

    rule: str
    index: int
    what: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        return printable(f"leaf {self.index}: {self.rule}: {self.what}")
