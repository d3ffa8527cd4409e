"""Verbs of the ledger: state a fact, seal what is stated into the log, anchor the log on chain."""

from ledger.anchoring import UnableToReachChain, anchor
from ledger.attesting import attest_release
from ledger.custody import UnableToSignFor, signer_of
from ledger.index.building import commit_index
from ledger.rotation import Rotation, UnableToRevoke, UnableToRotate, revoke_key, rotate_key
from ledger.sealing import SealedBatch, UnableToSeal, seal
from ledger.stating import UnableToState, register_keys, state, state_foreign, state_once

__all__ = [
    "Rotation",
    "SealedBatch",
    "UnableToReachChain",
    "UnableToRevoke",
    "UnableToRotate",
    "UnableToSeal",
    "UnableToSignFor",
    "UnableToState",
    "anchor",
    "attest_release",
    "commit_index",
    "register_keys",
    "revoke_key",
    "rotate_key",
    "seal",
    "signer_of",
    "state",
    "state_foreign",
    "state_once",
]
