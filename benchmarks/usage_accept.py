"""How many uses of recipes a second a server takes in signed batches of a thousand, on a disk that is waited for.

`python -m benchmarks.usage_accept` measures in a data folder of its own and prints one line of JSON.
"""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from benchmarks import licensing_market as market
from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures
from benchmarks.uploads import _served

GOAL = 10_000
BATCHES, WARM, EVENTS = int(os.environ.get("WORLDLOOM_BENCH_BATCHES", 120)), 12, 1_000
RECIPES, LAYERS, SENDERS = 200, 4, 4
_TYPE = "application/vnd.worldloom.usage+json"


def usage_accept() -> Iterator[Figure]:
    """Posts signed batches to the server that operate.md describes; checks, insert, fact and commit are counted in."""
    told = told_by("benchmarks.usage_accept")
    against = (
        f"{BATCHES} batches of {EVENTS:,} over HTTP by {SENDERS} senders to 2 web processes, {RECIPES} recipes of"
        f" {LAYERS} licenses each, {told['batch_ms']:.0f} ms a batch; alone in one process {told['alone_ms']:.0f} ms,"
        f" of which reading {told['reading_ms']:.0f} and the bare INSERT {told['insert_ms']:.0f};"
        f" {os.cpu_count()} cores with database and senders on them"
    )
    yield Figure("usage-accept", told["per_second"], "events/s", against, GOAL, at_least=True)


def main() -> None:
    """This will bring up database and server, send what is signed beforehand, and print how fast that went."""
    os.environ["WORLDLOOM_PLAIN_STATIC"] = "1"
    data = Path(os.environ["WORLDLOOM_DATA"])
    with market.opened(data, durable=True), contextlib.ExitStack() as stack:
        from django.utils import timezone

        now = timezone.now()
        studio, private, kid, secret, recipes = _stage(now)
        farm = _Farm(str(studio.pk), private, kid, recipes, int(now.timestamp()))
        alone = _alone(studio, farm)
        sent = [farm.envelope() for _batch in range(WARM + BATCHES)]
        port = _served(data, stack)
        print(json.dumps(_send(sent, port, secret) | alone))
        _check(sent)


def _stage(now: Any) -> tuple[Any, ...]:
    """Makes packs that are licensed by the image, locks of recipes of four of them each, and a studio with its keys."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from django.db import connection

    import ledger.operations
    from ledger.signing.jwk import public_jwk
    from marketplace.compositions.usage.accepting import add_usage_key
    from marketplace.licensing import operations as licensing
    from marketplace.licensing.terms.ready import READY
    from marketplace.payouts.rules import Money
    from marketplace.people import operations as people

    alice, (studio,) = market.people_and_studios(1, now)
    carol = studio.seats.get().person
    ledger.operations.register_keys(now=now)
    grants = []
    for place, release in enumerate(market.releases(alice, 40, 1, now)):
        offer = licensing.offer(
            release=release, terms=READY["enterprise"], price=Money(5, "USD"), model="metered", unit="image", now=now
        )
        grants.append(licensing.grant(offer=offer, studio=studio, source=f"order-line:bench-{place}", now=now))
    private = Ed25519PrivateKey.generate()
    key = add_usage_key(studio=studio, person=carol, public_key=public_jwk(private.public_key()), name="farm", now=now)
    _row, secret = people.issue_key(studio=studio, by=carol, name="pipeline", now=now)
    recipes = _locks(studio, carol, grants, now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return studio, private, key.kid, secret, recipes


def _locks(studio: Any, carol: Any, grants: Sequence[Any], now: Any) -> list[str]:
    from marketplace.compositions.models import LockedPack, RecipeLock

    chance, made = random.Random(6), []
    for place in range(RECIPES):
        document = json.dumps({"recipe": place}).encode()
        digest = hashlib.sha256(document).hexdigest()
        lock = RecipeLock.objects.create(
            digest=digest, studio=studio, document=document, locked_by=carol, locked_at=now
        )
        LockedPack.objects.bulk_create(
            LockedPack(
                lock=lock, position=layer, layer=f"layer{layer}", release=grant.release, grant=grant, offer=grant.offer,
                weight_ppm=1_000_000, share_ppb=250_000_000,
            )
            for layer, grant in enumerate(chance.sample(grants, LAYERS))
        )  # fmt: skip
        made.append(digest)
    return made


class _Farm:
    """Renders nothing, and signs that it did."""

    def __init__(self, studio: str, private: Any, kid: str, recipes: list[str], at: int) -> None:
        self.studio, self.private, self.kid, self.recipes, self.at = studio, private, kid, recipes, at
        self.chance = random.Random(7)

    def events(self) -> list[dict[str, Any]]:
        return [
            {
                "nonce": str(UUID(bytes=self.chance.randbytes(16), version=4)),
                "recipe": self.chance.choice(self.recipes),
                "at": self.at,
                "counts": {"image": self.chance.randint(1, 8)},
                "outputs": [self.chance.randbytes(32).hex()],
            }
            for _event in range(EVENTS)
        ]

    def envelope(self) -> bytes:
        batch = json.dumps({"format": "worldloom/usage/1", "studio": self.studio, "events": self.events()}).encode()
        signature = self.private.sign(b"DSSEv1 %d %s %d %s" % (len(_TYPE), _TYPE.encode(), len(batch), batch))
        signed = {"keyid": self.kid, "sig": base64.b64encode(signature).decode()}
        whole = {"payload": base64.b64encode(batch).decode(), "payloadType": _TYPE, "signatures": [signed]}
        return json.dumps(whole).encode()


def _alone(studio: Any, farm: _Farm) -> dict[str, float]:
    """Times a batch in this process with nobody beside it, and its two largest parts; medians in milliseconds."""
    from django.db import connection, transaction
    from django.utils import timezone

    from marketplace.compositions.usage import accepting, envelope

    whole, reading, insert = [], [], []
    for _round in range(10):
        sent = farm.envelope()
        began = time.perf_counter()
        told = accepting.accept(studio=studio, envelope=sent, now=timezone.now())
        whole.append(time.perf_counter() - began)
        assert told.counted == EVENTS
        began = time.perf_counter()
        envelope.read_batch(envelope.read_envelope(sent).payload)
        reading.append(time.perf_counter() - began)
        began = time.perf_counter()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO compositions_usageevent (batch_id, studio_id, lock_id, nonce, content, counts, outputs,"
                " happened_at, received_at, month) SELECT batch_id, studio_id, lock_id, gen_random_uuid(), content,"
                " counts, outputs, happened_at, received_at, '2000-01-01' FROM compositions_usageevent"
                " WHERE batch_id = %s",
                [told.batch],
            )
        insert.append(time.perf_counter() - began)
    market.unguarded("DELETE FROM compositions_usageevent WHERE month = '2000-01-01'")
    names = ("alone_ms", "reading_ms", "insert_ms")
    return {name: median(taken) * 1000 for name, taken in zip(names, (whole, reading, insert), strict=True)}


def _send(sent: Sequence[bytes], port: int, secret: str) -> dict[str, float]:
    """Sends from several connections at once, the first few only to warm up; every answer must count a whole batch."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def post(envelopes: Sequence[bytes]) -> list[float]:
        line, taken = http.client.HTTPConnection("127.0.0.1", port, timeout=120), []
        for one in envelopes:
            began = time.perf_counter()
            line.request("POST", "/api/v1/usage", one, headers)
            answer = line.getresponse()
            told = json.loads(answer.read())
            taken.append(time.perf_counter() - began)
            if answer.status != 200 or told["counted"] != EVENTS:
                raise SystemExit(f"A batch was answered with {answer.status}: {told}")
        return taken

    def all_of(envelopes: Sequence[bytes]) -> tuple[float, list[float]]:
        began = time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            taken = list(pool.map(post, [envelopes[place::SENDERS] for place in range(SENDERS)]))
        return time.perf_counter() - began, [one for part in taken for one in part]

    all_of(sent[:WARM])
    seconds, taken = all_of(sent[WARM:])
    return {"per_second": BATCHES * EVENTS / seconds, "batch_ms": median(taken) * 1000}


def _check(sent: Sequence[bytes]) -> None:
    """Ends the benchmark unless everything is there that was answered for."""
    from ledger.models import Entry
    from marketplace.compositions.uses import UsageEvent

    due = (len(sent) + 10) * EVENTS
    stated = sum(entry.statement["uses"] for entry in Entry.objects.filter(type="usage"))
    if (UsageEvent.objects.count(), stated) != (due, due):
        raise SystemExit(f"There are {UsageEvent.objects.count()} uses and {stated} stated, not {due}.")


FIGURES: Figures = {"usage-accept": usage_accept}

if __name__ == "__main__":
    main()
