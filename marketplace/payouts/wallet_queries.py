"""Which wallet a creator is paid to: what the contract `Payees` says, as far as the chain was read."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ledger.chain.suite import Suite, suite
from ledger.chain_queries import Standing, call_of, standing_of
from marketplace.payouts.wallet_models import WalletChange, WalletProof
from marketplace.people.models import Creator

OPEN_STATES = ("waiting", "sent", "mined")


@dataclass(frozen=True, slots=True)
class Binding:
    """A payee's wallet on the chain: `address` counts now, `waiting` from `counts_from` on; empty for none.

    `is_proved` tells that the creator proved the wallet to us; nothing is sent to one that only the chain knows.
    `nonce` is what the next signature carries, as far as events tell; `since` the event by which the address counts.
    """

    address: str = ""
    is_proved: bool = False
    waiting: str = ""
    waiting_is_proved: bool = False
    counts_from: datetime | None = None
    nonce: int = 0
    since: int = 0
    waiting_since: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A proof that is on its way to the chain or was refused there."""

    proof: WalletProof
    standing: Standing

    @property
    def is_open(self) -> bool:
        """Tell whether it may still come about."""
        return self.standing.state in OPEN_STATES


def wallet_of(creator: Creator, *, now: datetime) -> str | None:
    """Return the checksummed address that a creator proved and that counts now, or None."""
    return wallets_of([creator.pk], now=now).get(creator.pk)


def wallets_of(creator_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, str]:
    """Return creator's id → the address that they proved and that counts now, for those who have one; few queries.

    The contract lets two payees have one wallet; payouts are by account, so it is the one's who had it first.
    """
    found = bindings_of(creator_ids, now=now)
    proved = {payee: one for payee, one in found.items() if one.address and one.is_proved}
    first = _first_with({one.address for one in proved.values()}, now)
    return {payee: one.address for payee, one in proved.items() if first[one.address] == payee}


def _first_with(addresses: Iterable[str], now: datetime) -> dict[str, UUID]:
    """Return address → who proved it and had it first, of all whose wallet it is now."""
    found: dict[str, tuple[int, UUID]] = {}
    for payee, one in bindings_of(_who_named(*addresses), now=now).items():
        if one.address and one.is_proved:
            found[one.address] = min(found.get(one.address, (one.since, payee)), (one.since, payee))
    return {address: payee for address, (_, payee) in found.items()}


def binding_of(creator: Creator, *, now: datetime) -> Binding:
    """Return how a creator's wallet stands on the chain of our contracts."""
    return bindings_of([creator.pk], now=now).get(creator.pk, Binding())


def bindings_of(creator_ids: Iterable[UUID] | None, *, now: datetime) -> dict[UUID, Binding]:
    """Return payee's id → binding, of those who have changes; of all for None."""
    known = suite()
    if known is None:
        return {}
    rows = changes_on(known)
    if creator_ids is not None:
        rows = rows.filter(payee__in=list(creator_ids))
    found: dict[UUID, Binding] = defaultdict(Binding)
    for row in rows.order_by("event_id"):
        found[row.payee] = _after(found[row.payee], row)
    return _proved_later(known, {payee: _settled(binding, now) for payee, binding in found.items()})


def changes_on(known: Suite):  # type: ignore[no-untyped-def]  # a query set
    """Return the changes that the contract of this suite told, without those that the chain took back."""
    told = WalletChange.objects.filter(event__chain_id=known.chain_id, event__address=known.address("Payees"))
    return told.filter(event__lost=None)


def asked_of(creator: Creator) -> Asked | None:
    """Return the newest proof that the chain has not answered with a change, and how it stands there."""
    known = suite()
    if known is None:
        return None
    rows = WalletProof.objects.filter(creator=creator, chain_id=known.chain_id, contract=known.address("Payees"))
    proof = rows.order_by("-id").first()
    if proof is None or proof.changes.exists():
        return None
    call = call_of(proof.call_key)
    return Asked(proof, standing_of(call)) if call else None


def owner_of(address: str, *, now: datetime) -> UUID | None:
    """Return who has a wallet, has it waiting, or has asked for it, in any letter case; None for nobody."""
    for payee, binding in bindings_of(_who_named(address), now=now).items():
        if address.lower() in (binding.address.lower(), binding.waiting.lower()):
            return payee
    for proof in WalletProof.objects.filter(address__iexact=address, changes=None).order_by("-id"):
        call = call_of(proof.call_key)
        if call is not None and standing_of(call).state in OPEN_STATES:
            return proof.creator_id  # type: ignore[no-any-return]
    return None


def creators_of(addresses: Iterable[str], *, now: datetime) -> dict[str, UUID]:
    """Return address → creator's id, for proved wallets that count now; letter case as asked."""
    asked = {address.lower(): address for address in addresses}
    found = wallets_of(_who_named(*asked), now=now)
    return {asked[wallet.lower()]: payee for payee, wallet in found.items() if wallet.lower() in asked}


def findings(*, now: datetime) -> list[str]:
    """Return, in English for operators, wallets on the chain that no creator proved to us; empty for none."""
    names = dict(Creator.objects.values_list("pk", "handle"))
    said = []
    bindings = bindings_of(None, now=now)
    owners = _first_with({one.address for one in bindings.values() if one.address}, now)
    for payee, one in sorted(bindings.items()):
        who = names.get(payee, str(payee))
        if one.waiting and not one.waiting_is_proved:
            said.append(f"{one.waiting} is proposed for {who} on the chain, and nobody proved it here: stop it.")
        if one.address and not one.is_proved:
            said.append(f"{one.address} counts for {who} on the chain, and nobody proved it here.")
        elif one.address and owners[one.address] != payee:
            first = names.get(owners[one.address], str(owners[one.address]))
            said.append(
                f"{one.address} counts for {who} on the chain and was {first}’s before: it is not paid for {who}."
            )
    return said


def _proved_later(known: Suite, found: dict[UUID, Binding]) -> dict[UUID, Binding]:
    """Tell of wallets that the chain knew first, as after a recovery, which their owners have proved here since."""
    strange = {payee: one.address for payee, one in found.items() if one.address and not one.is_proved}
    if strange:
        rows = WalletProof.objects.filter(chain_id=known.chain_id, contract=known.address("Payees"))
        told = set(rows.filter(creator__in=strange).values_list("creator_id", "address"))
        for payee, address in strange.items():
            if (payee, address) in told:
                found[payee] = replace(found[payee], is_proved=True)
    return found


def _who_named(*addresses: str) -> list[UUID]:
    # Checksums are one way of writing each address, and the inbox and proofs both use it.
    from ledger.chain.transaction import checksummed

    written = [checksummed(bytes.fromhex(one.removeprefix("0x"))) for one in addresses]
    return list(WalletChange.objects.filter(address__in=written).values_list("payee", flat=True).distinct())


def _settled(binding: Binding, at: datetime) -> Binding:
    """Return what time alone has brought about, as the contract does it."""
    if binding.counts_from is None or at < binding.counts_from:
        return binding
    return replace(
        binding,
        address=binding.waiting,
        is_proved=binding.waiting_is_proved,
        since=binding.waiting_since,
        waiting="",
        waiting_is_proved=False,
        counts_from=None,
        waiting_since=0,
    )


def _after(binding: Binding, row: WalletChange) -> Binding:
    binding = _settled(binding, row.happened_at)
    waits_no_more = {"waiting": "", "waiting_is_proved": False, "counts_from": None, "waiting_since": 0}
    if row.kind == WalletChange.PROPOSED:
        return replace(
            binding,
            waiting=row.address,
            waiting_is_proved=row.proof_id is not None,
            counts_from=row.counts_from,
            nonce=binding.nonce + 1,
            waiting_since=row.event_id,
        )
    if row.kind == WalletChange.MOVED:
        # Both wallets signed, and nobody can sign for the one before but its owner.
        proved = binding.is_proved or row.proof_id is not None
        moved = {"address": row.address, "is_proved": proved, "since": row.event_id, "nonce": binding.nonce + 1}
        return replace(binding, **moved, **waits_no_more)
    return replace(binding, **waits_no_more)
