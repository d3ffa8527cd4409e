"""A split has one name of 32 bytes: in the database, in the log and in SplitVault. Where it has two, this says so."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from ledger.chain.reading import Question, Reader, Reverted
from ledger.models import Entry
from marketplace.payouts.models import Split
from marketplace.payouts.rules import split_digest, split_document
from marketplace.payouts.vault_queries import arguments_of, shares_of

BATCH = 100


def differences(ask: Reader | None, *, digests: Sequence[str] = ()) -> Iterator[str]:
    """Yield a sentence for each split that is called otherwise somewhere; those asked for, or all, oldest first.

    Without a reader the chain is left out. Raise ChainUnavailable when it does not answer.
    """
    rows = Split.objects.filter(pk__in=digests) if digests else Split.objects.all()
    names = list(rows.order_by("created_at", "digest").values_list("digest", flat=True))
    yield from (f"Split {digest} is not in the database." for digest in digests if digest not in set(names))
    for start in range(0, len(names), BATCH):
        part = names[start : start + BATCH]
        shares = shares_of(part)
        for digest in part:
            yield from _in_database(digest, shares[digest])
        yield from _in_log(part, shares)
        if ask is not None:
            yield from _on_chain(ask, part, shares)


def _in_database(digest: str, shares: list[tuple[UUID, int]]) -> Iterator[str]:
    try:
        found = split_digest(shares)
    except Exception as wrong:  # whatever the rules refuse about them, its sentence says it
        yield f"Split {digest}: the database's shares are none: {wrong}"
        return
    if found != digest:
        yield f"Split {digest}: the database's shares are those of {found}."


def _in_log(digests: Sequence[str], shares: dict[str, list[tuple[UUID, int]]]) -> Iterator[str]:
    rows = Entry.objects.filter(type="split", subject__in=[f"split:{digest}" for digest in digests])
    stated = {row.subject.removeprefix("split:"): row.statement for row in rows}
    for digest in digests:
        said = stated.get(digest)
        if said is None:
            yield f"Split {digest} is not stated in the log."
        elif said["split"] != digest:
            yield f"Split {digest}: the log states it as {said['split']}."
        elif "shares" in said and said["shares"] != _shown(shares[digest]):
            yield f"Split {digest}: the log states other shares than the database has."
        elif "payees" in said and said["payees"] != len(shares[digest]):
            yield f"Split {digest}: the log states {said['payees']} payees, the database has {len(shares[digest])}."


def _on_chain(ask: Reader, digests: Sequence[str], shares: dict[str, list[tuple[UUID, int]]]) -> Iterator[str]:
    answers = ask.views([Question("SplitVault", "splitOf", arguments_of(shares[digest])) for digest in digests])
    for digest, answer in zip(digests, answers, strict=True):
        if isinstance(answer, Reverted):
            yield f"Split {digest}: {answer}"
        elif answer.hex() != digest:
            yield f"Split {digest}: SplitVault calls the database's shares {answer.hex()}."


def _shown(shares: list[tuple[UUID, int]]) -> list[dict[str, object]]:
    try:
        shown: list[dict[str, object]] = split_document(shares)["shares"]
    except Exception:  # said by `_in_database` already
        return []
    return shown
