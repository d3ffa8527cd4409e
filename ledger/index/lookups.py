"""Answer lookups from the database, each with its proof."""

from ledger import queries
from ledger.index.building import nodes_at, posting_key
from ledger.index.keys import keys_of
from ledger.index.proofs import LookupProof
from ledger.index.trie import find, hash_key
from ledger.models import IndexPosting, IndexRoot, Leaf

_LEAVES_AT_ONCE = 5_000


def lookup_proof(key: str) -> LookupProof | None:
    """Return the proof of the entries of `key`, or that it has none, under the newest public root of the index.

    None before the first root is public.
    """
    out = queries.published()
    if out is None:
        return None
    root = IndexRoot.objects.filter(entry__leaf__index__lt=out.head.size).select_related("entry").order_by("-size")
    newest = root.first()
    if newest is None:
        return None
    hashed = hash_key(key)
    known = nodes_at([hashed[:1], hashed[:2], b""], size=newest.size)

    def fetch(prefix: bytes) -> bytes:
        if prefix not in known:  # only where another key is alone on the way
            known.update({prefix: b""} | nodes_at([prefix], size=newest.size))
        return known[prefix]

    path = find(hashed, fetch)
    proof = queries.proof_for(newest.entry)
    if proof is None:
        return None
    indices = _indices(key, hashed, newest.size) if path.record is not None and path.record[:32] == hashed else []
    return LookupProof(key, tuple(indices), path, bytes(newest.entry.body), proof)


def _indices(key: str, hashed: bytes, size: int) -> list[int]:
    postings = IndexPosting.objects.filter(key=posting_key(hashed), leaf__lt=size)
    leaves = list(postings.order_by("leaf").values_list("leaf", flat=True))
    if len(leaves) > _LEAVES_AT_ONCE:
        return leaves  # a stranger's key with the same 64 bits would cost 2**64 tries, and only spoil its own proof
    # Two keys may share the bits that postings go by, so the entries themselves decide.
    rows = Leaf.objects.filter(index__in=leaves).order_by("index").values_list("index", "entry__body")
    return [index for index, body in rows if key in keys_of(bytes(body))]
