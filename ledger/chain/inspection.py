"""Comparing what stands on the chain with what was built and who should hold which role."""

from dataclasses import asdict
from typing import Any

from ledger.chain.artifacts import load
from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import Question, Reader, Reverted
from ledger.chain.suite import CONTRACTS, WRAPPED
from ledger.chain.suite_deployment import NOBODY, Accounts
from ledger.chain.transaction import keccak

_WIRES = (
    ("SplitVault", "PAYEES", "Payees"),
    ("RoyaltyReceiverFactory", "VAULT", "SplitVault"),
    ("RoyaltyReceiverFactory", "WRAPPED", WRAPPED),
    ("AssetToken", "ANCHOR", "ProvenanceAnchor"),
    ("AssetToken", "RECEIVERS", "RoyaltyReceiverFactory"),
    ("LicenseMarket", "VAULT", "SplitVault"),
    ("LicenseMarket", "ANCHOR", "ProvenanceAnchor"),
)
"""(contract, its view, the contract whose address that must be)."""

_HOLDERS = (
    ("ProvenanceAnchor", "owner", "admin"),
    ("ProvenanceAnchor", "anchorer", "anchorer"),
    ("PayoutDistributor", "settler", "settler"),
    ("LicenseMarket", "offerKey", "offers"),
    ("SplitVault", "treasury", "treasury"),
    *((name, "defaultAdmin", "admin") for name in CONTRACTS[1:] if name != "RoyaltyReceiverFactory"),
)
"""(contract, its view, whose address that must be)."""

_ROLES = (
    ("Payees", "REGISTRAR_ROLE", "registrar"),
    ("AssetToken", "KEEPER_ROLE", "keeper"),
    ("ClaimBook", "ARBITER_ROLE", "arbiter"),
    *((name, "GUARDIAN_ROLE", "guardian") for name in CONTRACTS[1:] if name != "RoyaltyReceiverFactory"),
)
"""(contract, role, who must have it)."""


def differences(reader: Reader, *, accounts: Accounts) -> list[str]:
    """Return a sentence for each contract, link and role that is not as it should be; ChainUnavailable for silence."""
    return [*_of_code(reader), *_of_links(reader), *_of_roles(reader, accounts)]


def _of_code(reader: Reader) -> list[str]:
    reader.check()
    places = [(name, reader.suite.address(name)) for name in CONTRACTS]
    codes = reader.rpc.batch([("eth_getCode", address, "latest") for _, address in places])
    return [
        f"{name} at {address} is not what contracts/abi/{name}.json says."
        for (name, address), code in zip(places, codes, strict=True)
        if not load(name).is_code(reader.rpc.as_bytes(code, "eth_getCode"))
    ]


def _of_links(reader: Reader) -> list[str]:
    told = _answers(reader, [Question(contract, view) for contract, view, _ in _WIRES])
    return [
        f"{contract} calls {found} as its {other}, not {reader.suite.addresses.get(other, NOBODY)}."
        for (contract, _, other), found in zip(_WIRES, told, strict=True)
        if found != reader.suite.addresses.get(other)
    ]


def _of_roles(reader: Reader, accounts: Accounts) -> list[str]:
    who = asdict(accounts)
    told = _answers(reader, [Question(contract, view) for contract, view, _ in _HOLDERS])
    wrong = [
        f"In {contract} the {role} is {found}, not {who[role]}."
        for (contract, _, role), found in zip(_HOLDERS, told, strict=True)
        if found != who[role]
    ]
    asked = [Question(contract, "hasRole", (keccak(name.encode()), who[role])) for contract, name, role in _ROLES]
    return wrong + [
        f"In {contract} the {role} {who[role]} does not have its role."
        for (contract, _, role), has in zip(_ROLES, _answers(reader, asked), strict=True)
        if has is not True
    ]


def _answers(reader: Reader, questions: list[Question]) -> list[Any]:
    try:
        return [str(told) if isinstance(told, Reverted) else told for told in reader.views(questions)]
    except ChainUnavailable as silent:
        raise ChainUnavailable(f"the contracts do not answer as they should: {silent.reason}") from silent
