"""What the chain told us, asked."""

from ledger.event_models import ChainEvent, ChainEventLost, ChainFollowed, ChainReorganization, ForeignAnchor


def events(contract: str, event: str = "", *, after: int = 0, limit: int = 1000) -> list[ChainEvent]:
    """Return events of a contract with ids above `after`, in the chain's order; those of one name, or all.

    What the chain took back before anybody came to it is left out.
    Whoever acts on events keeps a row of its own for each, and goes on after the newest of them.
    """
    rows = ChainEvent.objects.filter(contract=contract, id__gt=after, lost=None)
    if event:
        rows = rows.filter(event=event)
    return list(rows.order_by("id")[:limit])


def events_of(transaction: str) -> list[ChainEvent]:
    """Return what our contracts said in one transaction (0x hex), in its order."""
    return list(ChainEvent.objects.filter(transaction=transaction.lower()).order_by("log_index"))


def followed_to() -> ChainFollowed | None:
    """Return the newest range of blocks that was read, whichever contracts were asked about."""
    return ChainFollowed.objects.order_by("-id").first()


def open_reorganizations() -> list[ChainReorganization]:
    """Return where the chain took back what was final for us and nobody has decided since, oldest first."""
    rows = ChainReorganization.objects.filter(read=followed_to())
    return list(rows.select_related("read").order_by("id"))


def findings() -> list[str]:
    """Return, in English for operators, what keeps the chain's word from being ours; empty when nothing does."""
    said = [
        f"Block {one.read.last} of chain {one.read.chain_id} was {one.read.last_hash} and is now {one.found_hash}:"
        " the chain is not read any further. `manage.py chain_follow --after-loss` goes on, and names what was lost."
        for one in open_reorganizations()
    ]
    lost = ChainEventLost.objects.select_related("event").order_by("event_id")
    said += [
        f"{one.event.contract}.{one.event.event} of transaction {one.event.transaction} is no more on the chain:"
        " look at what was done because of it."
        for one in lost[:100]
    ]
    foreign = ForeignAnchor.objects.filter(event__lost=None).select_related("event").order_by("event_id")
    said += [anchor_sentence(one) for one in foreign[:100]]
    return said


def anchor_sentence(foreign: ForeignAnchor) -> str:
    """Say, in English for operators, which anchor is not ours and what to do first."""
    return (
        f"The anchor in transaction {foreign.event.transaction} is not ours: {foreign.why}. Somebody has the anchorer's"
        " key: take the role from it now (docs/operate.md, “A public chain”)."
    )
