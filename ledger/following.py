"""The inbox of the chain: read what our contracts said, once each, when it is deep enough to stay.

A range of blocks is one transaction: its events, and that it was read. A chain that is away or does not fit together
leaves nothing behind, and the next run asks again. A block that was final for us and is another now is written down
and stops the reading: nothing of the new branch is applied before a person has looked (`manage.py chain_follow`).
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import transaction

from ledger.chain import abi
from ledger.chain.artifacts import load, signature
from ledger.chain.base import ChainUnavailable
from ledger.chain.blocks import Header, Log, RangeTooLarge, header_at, headers, logs
from ledger.chain.deployment import ChainConfig
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.suite import CONTRACTS, Suite, suite
from ledger.chain.transaction import keccak
from ledger.event_models import ChainEvent, ChainEventLost, ChainFollowed, ChainReorganization
from marketplace.database.locks import alone

LOGGER = logging.getLogger(__name__)
FOLLOW_LOCK = 0x574C_0009
RANGE_BLOCKS, QUIET_BLOCKS = 1000, 50


class UnableToFollow(Exception):
    """A block that was final for us is another one now: a person decides how to go on."""

    code = "chain-reorganized"

    def __init__(self, block_number: int, block_hash: str, found_hash: str) -> None:
        super().__init__(block_number, block_hash, found_hash)
        self.block_number = block_number
        self.block_hash = block_hash
        self.found_hash = found_hash

    def __str__(self) -> str:
        return (
            f"Block {self.block_number} was {self.block_hash} and final, and is now {self.found_hash}: the chain is "
            "not read any further; `manage.py chain_follow --after-loss` goes on and names what was lost."
        )


def follow(*, now: datetime, confirmations: int | None = None, rpc: JsonRpc | None = None) -> int:
    """Read what is final by now, and return how many events were new.

    Nothing when no suite is deployed or another process reads. Raise ChainUnavailable when the chain does not answer
    or contradicts itself, UnableToFollow when it has taken back what was final. Not to be called in a transaction.
    """
    found = suite()
    if found is None:
        return 0
    with alone(FOLLOW_LOCK, str(found.chain_id)) as is_mine:
        if not is_mine:
            return 0
        reader = _Follower(found, rpc or ChainConfig.from_settings().rpc(), now)
        return reader.read_on(settings.CHAIN_CONFIRMATIONS if confirmations is None else confirmations)


def follow_after_loss(
    *, now: datetime, confirmations: int | None = None, rpc: JsonRpc | None = None
) -> list[ChainEvent]:
    """Go on where the chain took back what was final, and return the events that are no more on it.

    Events that stand in other blocks now stay what they were: their effects are not repeated. Raise ChainUnavailable
    as `follow` does; nothing is lost then.
    """
    found = suite()
    if found is None:
        return []
    with alone(FOLLOW_LOCK, str(found.chain_id)) as is_mine:
        if not is_mine:
            return []
        reader = _Follower(found, rpc or ChainConfig.from_settings().rpc(), now)
        return reader.go_round(settings.CHAIN_CONFIRMATIONS if confirmations is None else confirmations)


class _Follower:
    """One run over one chain, by the one who holds the lock."""

    def __init__(self, found: Suite, rpc: JsonRpc, now: datetime) -> None:
        self._suite = found
        self._rpc = rpc
        self._now = now
        # Contracts that others took the place of are still heard: what was sold there, say, is owed all the same.
        self._names = {address: name for name, address in found.former}
        self._names |= {found.addresses[name]: name for name in CONTRACTS}
        self._topics = {topic for name in self._names.values() for topic in _topics(name)}
        self._contracts = self._digest_of(self._names)

    def read_on(self, confirmations: int) -> int:
        """Read from where the last run ended to the newest block that is deep enough."""
        last = self._last_final(confirmations)
        self._check_past()
        first, parent = self._start()
        return sum(self._store(chain, found) for chain, found in self._ranges(first, last, parent))

    def go_round(self, confirmations: int) -> list[ChainEvent]:
        """Read the blocks once more that were read and are others now, and name what is gone; `read_on` does the rest.

        Raise ChainUnavailable while the chain is not as deep there as it was: what is gone may yet be mined again.
        """
        last = self._last_final(confirmations)
        was = ChainFollowed.objects.filter(chain_id=self._suite.chain_id).order_by("-id").first()
        since = self._common()
        if was is None or since is None:
            return []
        if last < was.last:
            raise ChainUnavailable(
                f"{self._rpc.place} is final to block {last} and was read to {was.last}: wait for it"
            )
        there: list[ChainEvent] = []
        for chain, found in self._ranges(since + 1, was.last, ""):
            there += self._events(chain, found)
            end = chain[-1]
        return self._replace(since, end, there)

    def _replace(self, since: int, end: Header, there: list[ChainEvent]) -> list[ChainEvent]:
        """Store what was never seen, and that what is no more there is lost; return that. All or nothing."""
        with transaction.atomic(durable=True):
            gone = list(self._known().filter(block_number__gt=since).order_by("id"))
            found, kept = (Counter(event.identity for event in events) for events in (there, gone))
            ChainEvent.objects.bulk_create(_some(there, found - kept))
            away = _some(gone, kept - found)
            ChainEventLost.objects.bulk_create([ChainEventLost(event=event, lost_at=self._now) for event in away])
            self._followed(since + 1, end, after_loss=True)
        for event in away:
            LOGGER.error("An event was taken back by the chain: %s of transaction %s", event, event.transaction)
        return away

    def _ranges(self, first: int, last: int, parent: str) -> Iterator[tuple[list[Header], list[Log]]]:
        """Yield blocks and logs from `first` to `last`, as many at a time as the endpoint gives, in one chain."""
        size = RANGE_BLOCKS
        while first <= last:
            try:
                chain, found = self._range(first, min(last, first + size - 1), parent)
            except RangeTooLarge as refusal:
                if size == 1:
                    raise ChainUnavailable(f"{self._rpc.place} does not give logs of one block: {refusal}") from refusal
                size = max(1, size // 4)
                continue
            yield chain, found
            first, parent = chain[-1].number + 1, _hex(chain[-1].hash)

    def _last_final(self, confirmations: int) -> int:
        served, head = self._rpc.batch([("eth_chainId",), ("eth_blockNumber",)])
        for answer in (served, head):
            if isinstance(answer, RpcRefusal):
                raise ChainUnavailable(f"{self._rpc.place} refuses to say where its chain stands: {answer}")
        if (chain_id := self._rpc.as_number(served, "eth_chainId")) != self._suite.chain_id:
            raise ChainUnavailable(
                f"{self._rpc.place} serves chain {chain_id}, but the contracts are on chain {self._suite.chain_id}"
            )
        # A block that stands at the end is one confirmation deep.
        return self._rpc.as_number(head, "eth_blockNumber") - max(1, confirmations) + 1

    def _start(self) -> tuple[int, str]:
        """Return the first block to read, and the hash of the one before it where that was read.

        After a successor only its own blocks are read once more: the newest range that was read of all contracts older
        than it is right for these. Contracts are as old as their first blocks.
        """
        blocks = {address: self._suite.blocks.get(address, self._suite.block_number) for address in self._names}
        for newest in sorted(set(blocks.values()), reverse=True):
            older = {address: name for address, name in self._names.items() if blocks[address] <= newest}
            rows = ChainFollowed.objects.filter(chain_id=self._suite.chain_id, contracts=self._digest_of(older))
            cursor = rows.order_by("-id").first()
            if cursor is not None:
                first = min([block for block in blocks.values() if block > newest], default=cursor.last + 1)
                return (cursor.last + 1, cursor.last_hash) if first > cursor.last else (first, "")
        return self._suite.block_number, ""

    def _digest_of(self, names: dict[str, str]) -> str:
        told = "\n".join(f"{name} {address}" for address, name in sorted(names.items()))
        return hashlib.sha256(told.encode()).hexdigest()

    def _check_past(self) -> None:
        """Raise UnableToFollow when the newest block that was read is no longer the chain's."""
        cursor = ChainFollowed.objects.filter(chain_id=self._suite.chain_id).order_by("-id").first()
        if cursor is None:
            return
        there = header_at(self._rpc, cursor.last)
        if there is None:
            raise ChainUnavailable(f"{self._rpc.place} does not have block {cursor.last}, which was read before")
        if _hex(there.hash) == cursor.last_hash:
            return
        with transaction.atomic(durable=True):
            ChainReorganization.objects.get_or_create(
                read=cursor, found_hash=_hex(there.hash), defaults={"found_at": self._now}
            )
        raise UnableToFollow(cursor.last, cursor.last_hash, _hex(there.hash))

    def _common(self) -> int | None:
        """Return the number of the newest block that was read and is still the chain's; None when nothing is gone."""
        rows = ChainFollowed.objects.filter(chain_id=self._suite.chain_id).order_by("-id")
        for place, row in enumerate(rows.iterator()):
            there = header_at(self._rpc, row.last)
            if there is not None and _hex(there.hash) == row.last_hash:
                # Contracts of which nothing was read yet are read from their beginning.
                return min(row.last, self._start()[0] - 1) if place else None
        return self._suite.block_number - 1

    def _range(self, first: int, last: int, parent: str) -> tuple[list[Header], list[Log]]:
        chain = headers(self._rpc, first, last)
        if parent and _hex(chain[0].parent) != parent:
            raise ChainUnavailable(f"{self._rpc.place} says that block {first} does not follow the one read before")
        found = logs(self._rpc, chain, list(self._names), self._topics)
        # Asked after the logs: a reorganization in between would have given us some of another branch.
        there = header_at(self._rpc, last)
        if there is None or there.hash != chain[-1].hash:
            raise ChainUnavailable(f"{self._rpc.place} changed its chain while it was read")
        self._ask_second(chain, found)
        return chain, found

    def _ask_second(self, chain: Sequence[Header], found: Sequence[Log]) -> None:
        """Raise ChainUnavailable unless the second endpoint, where there is one, says the same of these blocks.

        One endpoint can make up a chain that fits together; two of different people's do not make up the same one.
        """
        if not settings.CHAIN_SECOND_RPC_URL:
            return
        second = JsonRpc(settings.CHAIN_SECOND_RPC_URL)
        there = header_at(second, chain[-1].number)
        if there is None:
            raise ChainUnavailable(f"{second.place} does not have block {chain[-1].number} yet")
        if there.hash != chain[-1].hash or logs(second, chain, list(self._names), self._topics) != list(found):
            raise ChainUnavailable(f"{second.place} says otherwise than {self._rpc.place} of block {there.number}")

    def _store(self, chain: Sequence[Header], found: Sequence[Log]) -> int:
        rows = self._events(chain, found)
        with transaction.atomic(durable=True):
            # Read once more, after a successor, say, it is the same event, also where it stood in a block that is gone.
            before = self._known().filter(transaction__in={row.transaction for row in rows})
            fresh = _some(rows, Counter(row.identity for row in rows) - Counter(row.identity for row in before))
            ChainEvent.objects.bulk_create(fresh)
            # A few blocks in which nothing was said are read again next time: that is less than a row for each run.
            if rows or len(chain) >= QUIET_BLOCKS:
                self._followed(chain[0].number, chain[-1])
        return len(fresh)

    def _known(self):  # type: ignore[no-untyped-def]  # a query set
        return ChainEvent.objects.filter(chain_id=self._suite.chain_id, lost=None)

    def _followed(self, first: int, end: Header, *, after_loss: bool = False) -> None:
        ChainFollowed.objects.create(
            chain_id=self._suite.chain_id,
            contracts=self._contracts,
            first=first,
            last=end.number,
            last_hash=_hex(end.hash),
            after_loss=after_loss,
            followed_at=self._now,
        )

    def _events(self, chain: Sequence[Header], found: Sequence[Log]) -> list[ChainEvent]:
        times = {header.number: header.time for header in chain}
        return [self._event(log, times[log.block_number]) for log in found]

    def _event(self, log: Log, block_time: int) -> ChainEvent:
        contract = self._names[log.address]
        name = abi.event_of(contract, log.topics[0]) if log.topics else None
        if name is None:
            raise ChainUnavailable(f"{self._rpc.place} gives an event that {contract} does not have")
        try:
            args = abi.decode_event(contract, name, log.topics, log.data)
        except abi.UnableToDecode as wrong:
            raise ChainUnavailable(f"{self._rpc.place} gives an event whose values are none: {wrong}") from wrong
        return ChainEvent(
            chain_id=self._suite.chain_id,
            contract=contract,
            address=log.address,
            event=name,
            args={key: _plain(value) for key, value in args.items()},
            transaction=_hex(log.transaction),
            log_index=log.index,
            block_number=log.block_number,
            block_hash=_hex(log.block_hash),
            block_time=datetime.fromtimestamp(block_time, UTC),
            seen_at=self._now,
        )


@cache
def _topics(contract: str) -> tuple[bytes, ...]:
    return tuple(keccak(signature(item).encode()) for item in load(contract).abi if item["type"] == "event")


def _some(rows: Sequence[ChainEvent], many: Counter[tuple[Any, ...]]) -> list[ChainEvent]:
    """Return so many rows of each identity."""
    left, found = many.copy(), []
    for row in rows:
        if left[row.identity] > 0:
            left[row.identity] -= 1
            found.append(row)
    return found


def _plain(value: Any) -> Any:
    """Return a value as JSON can say it."""
    if isinstance(value, bytes):
        return _hex(value)
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
