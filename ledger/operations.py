"""Verbs of the ledger: state a fact, seal what is stated into the log, anchor it, call contracts."""

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
from ledger.sending import Delivery, UnableToAskChain, ask_chain, deliver, withdraw_call
from ledger.stating import UnableToState, register_keys, state, state_foreign, state_once

__all__ = [
    "Delivery",
    "Hands",
    "Rotation",
    "SealedBatch",
    "UnableToAskChain",
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
    "ask_chain",
    "attest_release",
    "commit_index",
    "deliver",
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
    "withdraw_call",
]
