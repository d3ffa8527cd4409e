"""Verbs of wallets: a creator proves one, moves to another; the guardian stops what nobody proved.

A proof is stored and its call asked in one transaction; what the chain made of it comes back as events, and only then
does a wallet count. A wallet that the chain proposes and no creator proved to us is stopped at once: that is a stolen
registrar's key, and the contract gives us a day for it.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger import event_queries
from ledger.chain import typed
from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import reader
from ledger.chain.suite import Suite, checked, suite
from ledger.event_models import ChainEvent
from ledger.sending import UnableToAskChain, ask_chain
from marketplace.payouts import wallet_queries
from marketplace.payouts.wallet_models import WalletChange, WalletProof
from marketplace.payouts.wallet_queries import creators_of as creators_of
from marketplace.payouts.wallet_queries import wallet_of as wallet_of
from marketplace.payouts.wallet_queries import wallets_of as wallets_of
from marketplace.people.models import Creator

LOGGER = logging.getLogger(__name__)
ADDRESS_LOCK = 0x5741  # with the address's hash: whoever proves it next waits
LONGEST = timedelta(days=30)
USUAL = timedelta(days=7)
"""How long a signature is good that our pages ask for: a chain that is away for days does not make it worthless."""

_KINDS = {
    "WalletProposed": (WalletChange.PROPOSED, "next"),
    "WalletMoved": (WalletChange.MOVED, "next"),
    "WalletRefused": (WalletChange.REFUSED, "refused"),
}
_NOBODY = "0x" + "00" * 20


class UnableToBindWallet(Exception):
    """The wallet cannot become a creator's; nothing was stored and the chain is not asked."""

    code = "unable-to-bind-wallet"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return _("The wallet %(address)s cannot be bound: %(reason)s.") % {
            "address": self.address or _("without an address"),
            "reason": self.reason,
        }


def bind_wallet(*, creator: Creator, address: str, signature: bytes, deadline: int, now: datetime) -> WalletProof:
    """Store a creator's proof of their first wallet, and ask the chain to bind it; it counts a day after it is mined.

    `signature` is the wallet's over `Bind`, `deadline` the seconds since the Unix epoch that it was signed with. Raise
    UnableToBindWallet for a signature of somebody else's or too late, a wallet that is another's, or a second one.
    A wallet that counts on the chain already, as after a recovery, is proved in the same way and asks for nothing.
    """
    known = _suite(address)
    address = _readable(known, address)
    _in_time(address, deadline, now)
    nonce = _free_for_first(creator, address, now)
    values = {"payee": creator.pk.bytes, "wallet": address, "nonce": nonce, "deadline": deadline}
    signature = _signed(known, typed.BIND, values, address, signature)
    with transaction.atomic():
        creator = Creator.objects.select_for_update().get(pk=creator.pk)
        if _free_for_first(creator, address, now) != nonce:
            raise UnableToBindWallet(address, _("something changed on the chain; sign again"))
        _of_nobody_else(address, creator, now)
        return _prove(
            known, creator, now, address=address, nonce=nonce, deadline=deadline, signature="0x" + signature.hex()
        )


def move_wallet(
    *, creator: Creator, to: str, deadline: int, from_signature: bytes, to_signature: bytes, now: datetime
) -> WalletProof:
    """Store a proof that both wallets agree to a move, and ask the chain for it; it counts at once when it is mined.

    Both signatures are over `Move`. Raise UnableToBindWallet as `bind_wallet` does, or where there is no first wallet.
    """
    known = _suite(to)
    to = _readable(known, to)
    _in_time(to, deadline, now)
    binding = wallet_queries.binding_of(creator, now=now)
    values = _move_values(creator, binding, to, deadline)
    if binding.address == to:
        raise UnableToBindWallet(to, _("it is your wallet already"))
    from_signature = _signed(known, typed.MOVE, values, binding.address, from_signature)
    to_signature = _signed(known, typed.MOVE, values, to, to_signature)
    with transaction.atomic():
        creator = Creator.objects.select_for_update().get(pk=creator.pk)
        if wallet_queries.binding_of(creator, now=now) != binding:
            raise UnableToBindWallet(to, _("something changed on the chain; sign again"))
        _nothing_on_its_way(creator, to)
        _of_nobody_else(to, creator, now)
        return _prove(
            known,
            creator,
            now,
            address=to,
            previous=binding.address,
            nonce=binding.nonce,
            deadline=deadline,
            signature="0x" + to_signature.hex(),
            previous_signature="0x" + from_signature.hex(),
        )


@transaction.atomic
def take_changes(*, now: datetime) -> int:
    """Take in what the chain said of wallets since the last time, once each; return how many changes were new.

    A first wallet that no creator proved to us is asked to be stopped, and said aloud.
    """
    newest = WalletChange.objects.order_by("-event_id").values_list("event_id", flat=True).first() or 0
    count = 0
    for event in event_queries.events("Payees", after=newest):
        if event.event not in _KINDS:
            continue
        row, is_new = _change(event, now)
        if not is_new:
            continue
        count += 1
        if row.kind == WalletChange.PROPOSED and row.proof is None:
            LOGGER.error("On the chain, %s was proposed for payee %s, and nobody proved it.", row.address, row.payee)
            if not row.previous and now < row.counts_from:
                stop_binding(payee=row.payee, event_id=event.pk, now=now)
    return count


def stop_binding(*, payee: UUID, event_id: int, now: datetime) -> None:
    """Ask the chain, as guardian, to refuse a first wallet within its day; asked once for each proposal."""
    ask_chain(
        key=f"wallet-stop:{payee}:{event_id}",
        role="guardian",
        contract="Payees",
        function="stopBinding",
        args=[payee.bytes],
        subject=f"wallet:{payee}",
        done=["NothingWaits"],
        now=now,
    )


def bind_document(creator: Creator, *, now: datetime) -> tuple[dict[str, Any], int]:
    """Return what a wallet is to sign to become a creator's first, and its deadline; $address stands for the wallet.

    Raise UnableToBindWallet where no contracts are recorded.
    """
    known = _suite("")
    deadline = int((now + USUAL).timestamp())
    nonce = wallet_queries.binding_of(creator, now=now).nonce
    values = {"payee": creator.pk.bytes, "wallet": _NOBODY, "nonce": nonce, "deadline": deadline}
    document = typed.as_json(typed.BIND, values, chain_id=known.chain_id, contract=known.address("Payees"))
    document["message"]["wallet"] = "$address"
    return document, deadline


def move_document(creator: Creator, to: str, *, now: datetime, deadline: int = 0) -> tuple[dict[str, Any], int]:
    """Return what both wallets are to sign for a move to an address, and its deadline; UnableToBindWallet as above."""
    known = _suite(to)
    to = _readable(known, to)
    deadline = deadline or int((now + USUAL).timestamp())
    values = _move_values(creator, wallet_queries.binding_of(creator, now=now), to, deadline)
    return typed.as_json(typed.MOVE, values, chain_id=known.chain_id, contract=known.address("Payees")), deadline


def _move_values(creator: Creator, binding: wallet_queries.Binding, to: str, deadline: int) -> dict[str, Any]:
    if not binding.address:
        raise UnableToBindWallet(to, _("you have no wallet yet that could be moved"))
    return {
        "payee": creator.pk.bytes,
        "from": binding.address,
        "to": to,
        "nonce": binding.nonce,
        "deadline": deadline,
    }


def recover_document(creator: Creator, to: str, *, now: datetime, deadline: int = 0) -> tuple[dict[str, Any], bytes]:
    """Return what the next wallet of a creator who lost theirs is to sign, and its digest; UnableToBindWallet as above.

    The contract's admin sends it with `Payees.recover`; it counts seven days later, unless the old wallet refuses.
    """
    known = _suite(to)
    to = _readable(known, to)
    deadline = deadline or int((now + USUAL).timestamp())
    values = _move_values(creator, wallet_queries.binding_of(creator, now=now), to, deadline)
    place = {"chain_id": known.chain_id, "contract": known.address("Payees")}
    return typed.as_json(typed.RECOVER, values, **place), typed.typed_digest(typed.RECOVER, values, **place)


def _suite(address: str) -> Suite:
    known = suite()
    if known is None:
        raise UnableToBindWallet(address, _("no contracts stand on a chain here"))
    return known


def _readable(known: Suite, address: str) -> str:
    try:
        written = checked(address.strip())
    except ValueError:
        raise UnableToBindWallet(address, _("an address is 0x and 40 hexadecimal digits")) from None
    if written == _NOBODY or known.contract_at(written) or known.token_at(written):
        raise UnableToBindWallet(written, _("nobody can sign for this address"))
    return written


def _in_time(address: str, deadline: int, now: datetime) -> None:
    if deadline <= now.timestamp():
        raise UnableToBindWallet(address, _("its signature has expired; sign again"))
    if deadline > (now + LONGEST).timestamp():
        raise UnableToBindWallet(address, _("its signature is good for more than 30 days; sign again"))


def _free_for_first(creator: Creator, address: str, now: datetime) -> int:
    binding = wallet_queries.binding_of(creator, now=now)
    if binding.address == address and not binding.is_proved:
        return binding.nonce
    if binding.address:
        raise UnableToBindWallet(address, _("you have a wallet already; move it, signed by both"))
    if binding.waiting:
        raise UnableToBindWallet(address, _("another one waits to be yours"))
    _nothing_on_its_way(creator, address)
    return binding.nonce


def _nothing_on_its_way(creator: Creator, address: str) -> None:
    asked = wallet_queries.asked_of(creator)
    if asked is not None and asked.is_open:
        raise UnableToBindWallet(address, _("another change is on its way to the chain"))


def _of_nobody_else(address: str, creator: Creator, now: datetime) -> None:
    # Two who prove the same wallet in the same moment come one after the other.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [ADDRESS_LOCK, address])
    owner = wallet_queries.owner_of(address, now=now)
    if owner is not None and owner != creator.pk:
        raise UnableToBindWallet(address, _("it is another creator's"))


def _signed(known: Suite, message: typed.Typed, values: dict[str, Any], address: str, signature: bytes) -> bytes:
    """Return the signature as the contract takes it, or raise UnableToBindWallet when it is not the address's."""
    digest = typed.typed_digest(message, values, chain_id=known.chain_id, contract=known.address("Payees"))
    signature = typed.normalized(signature)
    if typed.recover(digest, signature) == address:
        return signature
    try:
        # A wallet that is a contract says itself what it signed; it is asked within seconds or not at all.
        if len(signature) <= 2048 and reader(timeout_seconds=3).is_signed_by(address, digest, signature):
            return signature
    except ChainUnavailable:
        pass
    raise UnableToBindWallet(address, _("the signature is not this wallet's, or is over something else"))


def _prove(known: Suite, creator: Creator, now: datetime, **said: Any) -> WalletProof:
    contract, kind = known.address("Payees"), "move" if said.get("previous") else "bind"
    proof: WalletProof = WalletProof.objects.create(
        creator=creator,
        chain_id=known.chain_id,
        contract=contract,
        call_key=f"wallet-{kind}:{known.chain_id}:{creator.pk}:{said['nonce']}:{said['deadline']}:{said['address']}",
        proved_at=now,
        **said,
    )
    if wallet_queries.binding_of(creator, now=now).address == proof.address:
        return proof
    signatures = [proof.previous_signature, proof.signature] if proof.previous else [proof.signature]
    try:
        ask_chain(
            key=proof.call_key,
            role="registrar",
            contract="Payees",
            function=kind,
            args=[creator.pk.bytes, proof.address, proof.deadline, *(bytes.fromhex(one[2:]) for one in signatures)],
            subject=f"wallet:{creator.pk}",
            now=now,
        )
    except UnableToAskChain as refusal:
        raise UnableToBindWallet(proof.address, refusal.reason) from refusal
    return proof


def _change(event: ChainEvent, now: datetime) -> tuple[WalletChange, bool]:
    kind, named = _KINDS[event.event]
    payee, address = UUID(event.args["payee"][2:]), event.args[named]
    previous = event.args.get("previous", _NOBODY)
    since = event.args.get("from")
    proof = WalletProof.objects.filter(
        creator=payee, chain_id=event.chain_id, contract=event.address, address=address, proved_at__lte=now
    )
    return WalletChange.objects.get_or_create(
        event=event,
        defaults={
            "payee": payee,
            "kind": kind,
            "address": address,
            "previous": "" if previous == _NOBODY else previous,
            "counts_from": datetime.fromtimestamp(since, UTC) if since is not None else None,
            "happened_at": event.block_time,
            "proof": proof.order_by("-id").first() if kind != WalletChange.REFUSED else None,
            "taken_at": now,
        },
    )
