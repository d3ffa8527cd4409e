"""Verbs of the ledger: state a fact, seal what is stated into the log, anchor the log on chain."""

from ledger.anchoring import UnableToReachChain, anchor
from ledger.attesting import attest_release
from ledger.custody import (
    UnableToChangeKey,
    UnableToSignFor,
    any_signer,
    elsewhere,
    keep_key,
    prepare_key,
    presented,
    register_own_key,
    revoke_creator_key,
    signer_of,
)
from ledger.index.building import commit_index
from ledger.presenting import Hands, UnableToCount, UnableToUseKey, rehearse
from ledger.rotation import Rotation, UnableToRevoke, UnableToRotate, revoke_key, rotate_key
from ledger.sealing import SealedBatch, UnableToSeal, seal
from ledger.stating import UnableToState, register_keys, state, state_foreign, state_once

__all__ = [
    "Hands",
    "Rotation",
    "SealedBatch",
    "UnableToChangeKey",
    "UnableToCount",
    "UnableToReachChain",
    "UnableToRevoke",
    "UnableToRotate",
    "UnableToSeal",
    "UnableToSignFor",
    "UnableToState",
    "UnableToUseKey",
    "anchor",
    "any_signer",
    "attest_release",
    "commit_index",
    "elsewhere",
    "keep_key",
    "prepare_key",
    "presented",
    "register_keys",
    "register_own_key",
    "rehearse",
    "revoke_creator_key",
    "revoke_key",
    "rotate_key",
    "seal",
    "signer_of",
    "state",
    "state_foreign",
    "state_once",
]
