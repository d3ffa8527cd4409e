"""Blocks and logs as an endpoint tells them, believed only where they fit together.

Each header names the hash of the one before, so a range of them is one chain from its first block to its last. A log is
taken when the block that it names is in that chain and lists its transaction, and when the transaction's receipt says
the same. Blocks whose bloom filter speaks of our contracts are asked for their receipts as well, whether a log of them
came or not: so what an endpoint leaves out is found.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ledger.chain.base import ChainUnavailable
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.transaction import checksummed, keccak

BATCH = 200
"""Headers are asked for this many at a time: hosted endpoints take batches of a few hundred."""


class RangeTooLarge(Exception):
    """The endpoint refuses to search this many blocks for logs: ask for fewer."""

    code = "range-too-large"


@dataclass(frozen=True, slots=True)
class Header:
    """A block: its number, its hash and its parent's (32 bytes), its time in seconds, its transactions' digests."""

    number: int
    hash: bytes
    parent: bytes
    time: int
    bloom: int
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """One event as it is on the chain; `address` is checksummed."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    transaction: bytes
    index: int
    block_number: int
    block_hash: bytes


def header_at(rpc: JsonRpc, number: int) -> Header | None:
    """Return a block's header, or None where the chain is not that long. Raise ChainUnavailable for nonsense."""
    try:
        found = rpc.call("eth_getBlockByNumber", hex(number), False)
    except RpcRefusal as refusal:
        raise ChainUnavailable(f"{rpc.place} does not give block {number}: {refusal}") from refusal
    return None if found is None else _header(rpc, found, number)


def headers(rpc: JsonRpc, first: int, last: int) -> list[Header]:
    """Return the headers from `first` to `last`, each the parent of the next; ChainUnavailable where they are not."""
    found: list[Header] = []
    for start in range(first, last + 1, BATCH):
        numbers = range(start, min(start + BATCH, last + 1))
        answers = rpc.batch([("eth_getBlockByNumber", hex(number), False) for number in numbers])
        for number, answer in zip(numbers, answers, strict=True):
            if isinstance(answer, RpcRefusal):
                raise ChainUnavailable(f"{rpc.place} does not give block {number}: {answer}")
            found.append(_header(rpc, answer, number))
    for before, after in pairwise(found):
        if after.parent != before.hash:
            raise ChainUnavailable(f"{rpc.place} says that block {after.number} does not follow {before.number}")
    return found


def logs(rpc: JsonRpc, chain: Sequence[Header], addresses: Collection[str], topics: Collection[bytes]) -> list[Log]:
    """Return all logs of these contracts in these blocks, in the chain's order.

    `topics` are the first topics of their events. Raise RangeTooLarge where the endpoint wants fewer blocks at a time,
    ChainUnavailable where what it says does not fit together: a log of another contract or block, one that its
    transaction's receipt does not know, or none where there must be one.
    """
    if not chain:
        return []
    wanted = {"address": sorted(addresses), "fromBlock": hex(chain[0].number), "toBlock": hex(chain[-1].number)}
    try:
        answer = rpc.call("eth_getLogs", wanted)
    except RpcRefusal as refusal:
        raise RangeTooLarge(str(refusal)) from refusal
    if not isinstance(answer, list):
        raise ChainUnavailable(f"{rpc.place} answered eth_getLogs with something that is no list")
    by_number = {header.number: header for header in chain}
    found = sorted((_log(rpc, one, by_number, addresses) for one in answer), key=_place)
    if found != _by_receipts(rpc, _speaking(chain, addresses, topics, found), by_number, addresses):
        raise ChainUnavailable(f"{rpc.place} gives other logs than the receipts of their transactions")
    return found


def _place(log: Log) -> tuple[int, int]:
    return log.block_number, log.index


def _header(rpc: JsonRpc, value: Any, number: int) -> Header:
    block = rpc.as_object(value, "eth_getBlockByNumber")
    inside = block.get("transactions")
    if not isinstance(inside, list):
        raise ChainUnavailable(f"{rpc.place} gives block {number} without a list of transactions")
    header = Header(
        number=rpc.as_number(block.get("number"), "number"),
        hash=_word(rpc, block.get("hash"), "hash"),
        parent=_word(rpc, block.get("parentHash"), "parentHash"),
        time=rpc.as_number(block.get("timestamp"), "timestamp"),
        bloom=int.from_bytes(rpc.as_bytes(block.get("logsBloom"), "logsBloom"), "big"),
        transactions=tuple(_word(rpc, one, "a transaction") for one in inside),
    )
    if header.number != number:
        raise ChainUnavailable(f"{rpc.place} was asked for block {number} and gives {header.number}")
    return header


def _log(rpc: JsonRpc, value: Any, chain: dict[int, Header], addresses: Collection[str]) -> Log:
    said = rpc.as_object(value, "eth_getLogs")
    topics = said.get("topics")
    address = rpc.as_bytes(said.get("address"), "address")
    if not isinstance(topics, list) or len(topics) > 4 or len(address) != 20 or said.get("removed"):
        raise ChainUnavailable(f"{rpc.place} answered eth_getLogs with something that is no log of the chain")
    log = Log(
        address=checksummed(address),
        topics=tuple(_word(rpc, topic, "a topic") for topic in topics),
        data=rpc.as_bytes(said.get("data"), "data"),
        transaction=_word(rpc, said.get("transactionHash"), "transactionHash"),
        index=rpc.as_number(said.get("logIndex"), "logIndex"),
        block_number=rpc.as_number(said.get("blockNumber"), "blockNumber"),
        block_hash=_word(rpc, said.get("blockHash"), "blockHash"),
    )
    header = chain.get(log.block_number)
    if log.address not in addresses or header is None:
        raise ChainUnavailable(f"{rpc.place} gives a log that was not asked for")
    if log.block_hash != header.hash or log.transaction not in header.transactions:
        raise ChainUnavailable(f"{rpc.place} gives a log that is not in the block {log.block_number} that it names")
    return log


def _speaking(
    chain: Sequence[Header], addresses: Collection[str], topics: Collection[bytes], found: Sequence[Log]
) -> list[Header]:
    """Return the blocks that have logs of ours, by what was found or by what their filter says; it errs now and then,
    and then on the side of asking."""
    told = {log.block_number for log in found}
    who = [_bloom_of(bytes.fromhex(address[2:])) for address in addresses]
    what = [_bloom_of(topic) for topic in topics]

    def speaks(bloom: int) -> bool:
        return any(bloom & mask == mask for mask in who) and any(bloom & mask == mask for mask in what)

    return [header for header in chain if header.number in told or speaks(header.bloom)]


def _by_receipts(
    rpc: JsonRpc, speaking: Sequence[Header], chain: dict[int, Header], addresses: Collection[str]
) -> list[Log]:
    """Return the logs of these contracts in these blocks once more, from the receipts of their transactions."""
    digests = [digest for header in speaking for digest in header.transactions]
    found = []
    for start in range(0, len(digests), BATCH):
        part = digests[start : start + BATCH]
        answers = rpc.batch([("eth_getTransactionReceipt", "0x" + digest.hex()) for digest in part])
        for digest, answer in zip(part, answers, strict=True):
            if isinstance(answer, RpcRefusal):
                raise ChainUnavailable(f"{rpc.place} does not give the receipt of 0x{digest.hex()}: {answer}")
            inside = rpc.as_object(answer, "eth_getTransactionReceipt").get("logs")
            if not isinstance(inside, list):
                raise ChainUnavailable(f"{rpc.place} gives a receipt without a list of logs")
            for one in inside:
                address = rpc.as_bytes(rpc.as_object(one, "logs").get("address"), "address")
                if len(address) == 20 and checksummed(address) in addresses:
                    found.append(_log(rpc, one, chain, addresses))
    return sorted(found, key=_place)


def _bloom_of(value: bytes) -> int:
    """Return the three bits of a log's address in a block's 2,048 (Yellow Paper, 4.3.1)."""
    digest, mask = keccak(value), 0
    for place in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
    return mask


def _word(rpc: JsonRpc, value: Any, name: str) -> bytes:
    word = rpc.as_bytes(value, name)
    if len(word) != 32:
        raise ChainUnavailable(f"{rpc.place} answered {name} with {len(word)} bytes instead of 32")
    return word
