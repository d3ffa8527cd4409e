"""What stories of payouts on chain are made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.chain.transaction import checksummed
from ledger.event_models import ChainEvent
from marketplace.payouts.claims.ways import choose_way

DISTRIBUTOR = checksummed(bytes([0xD1]) * 20)
COIN, YEN = checksummed(bytes([0xC0]) * 20), checksummed(bytes([0xC1]) * 20)
ALICES, BOBS, DAVES = (checksummed(bytes([number]) * 20) for number in (0xA1, 0xB0, 0xDA))


@dataclass(frozen=True)
class ChainWord:
    """An event of the distributor, in a block of its own."""

    event: str
    args: dict[str, Any]
    transaction: str
    block_number: int

    def read(self, at: datetime) -> ChainEvent:
        return ChainEvent.objects.create(
            chain_id=31337,
            contract="PayoutDistributor",
            address=DISTRIBUTOR,
            event=self.event,
            args=self.args,
            transaction=self.transaction,
            log_index=0,
            block_number=self.block_number,
            block_hash=f"0x{self.block_number:064x}",
            block_time=at,
            seen_at=at,
        )


def go_on_chain(creator, wallets, address, *, now, currency="USD"):
    """Gives a creator a wallet, and has them paid there."""
    wallets[creator] = address
    return choose_way(creator=creator, currency=currency, on_chain=True, now=now)
