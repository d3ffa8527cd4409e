"""How long a month with a million uses takes to become charges, sales and royalties, beside only counting them.

`python -m benchmarks.usage_rate` measures in a data folder of its own and prints one line of JSON.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import licensing_market as market
from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures

EVENTS, STUDIOS, RELEASES, GRANTS, LOCKS, LAYERS = 1_000_000, 200, 400, 2_000, 4_000, 4
ROUNDS = 3
GOAL = 4
MONTH, NOW = date(2026, 11, 1), datetime(2026, 12, 1, 4, tzinfo=UTC)

# The floor: the same uses, joined with the same licenses, counted and summed up for each; nothing is written.
_FLOOR = """
SELECT p.grant_id, count(*), sum((e.counts ->> o.unit)::bigint)
  FROM compositions_usageevent e
  JOIN (SELECT DISTINCT lock_id, grant_id FROM compositions_lockedpack) p ON p.lock_id = e.lock_id
  JOIN licensing_grant g ON g.id = p.grant_id
  JOIN licensing_offer o ON o.id = g.offer_id AND o.model = 'metered'
 WHERE e.month = %(month)s GROUP BY p.grant_id
"""

_OFFERS = """
INSERT INTO licensing_offer (id, release_id, terms_id, model, price_minor, currency, unit, share_ppb, salt, created_at)
SELECT gen_random_uuid(), r.id, %(terms)s, 'metered', 3 + r.place %% 40, c.currency, u.unit, 0, '', %(begins)s
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM catalog_release) r,
       (VALUES ('USD'), ('JPY')) c (currency), (VALUES ('image'), ('second')) u (unit)
"""
_PRICES = """
INSERT INTO licensing_offerprice (id, offer_id, number, kind, price_minor, tiers, starts_at, most_sales, salt,
                                  month_minimum_minor, month_cap_minor, created_at)
SELECT gen_random_uuid(), o.id, 0, 'regular', o.price_minor, '[]', %(begins)s, 0, '', place %% 3 * 100,
       CASE WHEN place %% 5 = 0 THEN 30000 ELSE 0 END, %(begins)s
  FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM licensing_offer) o
"""
_GRANTS = """
INSERT INTO licensing_grant (id, offer_id, release_id, terms_id, studio_id, licensee_name, licensee_country,
    licensee_registration, licensee_salt, source, seats, starts_at, kind, price_minor, currency, granted_at,
    certificate, certificate_sha256)
SELECT gen_random_uuid(), o.id, o.release_id, o.terms_id, s.id, s.name, '', '',
       md5(n::text) || md5((-n)::text), 'bench:' || n, 1, %(begins)s, 'new',
       0, o.currency, %(begins)s, n::text, encode(sha256(convert_to(n::text, 'UTF8')), 'hex')
  FROM generate_series(1, %(grants)s) n
  JOIN (SELECT id, name, row_number() OVER (ORDER BY name) - 1 AS place FROM people_studio) s
    ON s.place = n %% %(studios)s
  JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM licensing_offer) o
    ON o.place = n * 7919::bigint %% %(offers)s
"""
# Each lock is its studio's, and each of its layers has another of its licenses.
_LOCKS = """
INSERT INTO compositions_recipelock (digest, studio_id, title, document, locked_by_id, locked_at)
SELECT encode(sha256(convert_to('lock ' || n, 'UTF8')), 'hex'), s.id, '', convert_to('lock ' || n, 'UTF8'),
       s.person_id, %(begins)s
  FROM generate_series(0, %(locks)s - 1) n
  JOIN (SELECT t.id, e.person_id, row_number() OVER (ORDER BY t.name) - 1 AS place
          FROM people_studio t JOIN people_seat e ON e.studio_id = t.id) s ON s.place = n %% %(studios)s
"""
_PACKS = """
INSERT INTO compositions_lockedpack (lock_id, position, layer, release_id, element, grant_id, offer_id, weight_ppm,
                                     share_ppb)
SELECT l.digest, layer, 'layer' || layer, g.release_id, '', g.id, g.offer_id, 1000000, 1000000000 / %(layers)s
  FROM (SELECT *, row_number() OVER (PARTITION BY studio_id ORDER BY digest) AS place FROM compositions_recipelock) l
 CROSS JOIN generate_series(0, %(layers)s - 1) layer
  JOIN (SELECT *, row_number() OVER (PARTITION BY studio_id ORDER BY id) - 1 AS place,
               count(*) OVER (PARTITION BY studio_id) AS held FROM licensing_grant) g
    ON g.studio_id = l.studio_id AND g.place = (l.place * 3 + layer) %% g.held
"""
_EVENTS = """
INSERT INTO compositions_usageevent (batch_id, studio_id, lock_id, nonce, content, counts, outputs, happened_at,
                                     received_at, month)
SELECT gen_random_uuid(), l.studio_id, l.digest, gen_random_uuid(), sha256(convert_to(n::text, 'UTF8')),
       jsonb_build_object('image', 1 + n %% 8, 'second', 1 + n %% 30), sha256(convert_to((-n)::text, 'UTF8')), m.at,
       m.at, %(month)s
  FROM generate_series(1, %(events)s) n
  JOIN (SELECT *, row_number() OVER (ORDER BY digest) - 1 AS place FROM compositions_recipelock) l
    ON l.place = n * 7919::bigint %% %(locks)s
 CROSS JOIN LATERAL (SELECT %(begins)s + n * interval '2 seconds' AS at) m
"""


def usage_rate() -> Iterator[Figure]:
    """Times rating, with all checks of its transaction, and the floor in turns: how often the one is in the other."""
    told: dict[str, Any] = told_by("benchmarks.usage_rate")
    against = (
        f"{told['floor_s']:.2f} s to count and sum up the same {EVENTS:,} uses of {LOCKS:,} recipes by license, writing"
        f" nothing; rated in {told['rated_s']:.2f} s into {told['charges']:,} charges, {told['lines']:,} lines and"
        f" {told['royalties']:,} royalties (worst {told['worst']:.2f}); {os.cpu_count()} cores"
    )
    yield Figure("usage-rate-1m", told["times"], "× the floor", against, GOAL)


def _measured() -> dict[str, Any]:
    from django.db import connection, transaction

    from marketplace.checkout.rating import rate_uses

    _load()
    floors, rated = [], []
    with connection.cursor() as cursor:
        for _round in range(ROUNDS):
            began = time.perf_counter()
            cursor.execute(_FLOOR, {"month": MONTH})
            counted = cursor.fetchall()
            floors.append(time.perf_counter() - began)
            began = time.perf_counter()
            with transaction.atomic():
                told = rate_uses(month=MONTH, now=NOW)
                # What else would be looked at when it commits.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                rated.append(time.perf_counter() - began)
                _check({grant: (int(events), int(quantity)) for grant, events, quantity in counted})
                transaction.set_rollback(True)
    times = [one / floor for one, floor in zip(rated, floors, strict=True)]
    return {
        "floor_s": median(floors),
        "rated_s": median(rated),
        "times": median(rated) / median(floors),
        "worst": max(times),
        "charges": told.charges,
        "lines": told.lines,
        "royalties": told.royalties,
    }


def _check(counted: dict[Any, tuple[int, int]]) -> None:
    """Compares what was charged with what the floor counted, and the sums of charges, lines and royalties."""
    from django.db.models import F, Sum

    from marketplace.checkout.charges import UsageCharge, UsageChargeLine, UsageRoyalty

    charged = {
        grant: (events, quantity)
        for grant, events, quantity in UsageCharge.objects.values_list("grant_id", "events", "quantity")
        if events
    }
    amount = UsageCharge.objects.aggregate(all=Sum("amount_minor"))["all"]
    lines = UsageChargeLine.objects.aggregate(all=Sum("amount_minor"), net=Sum(F("amount_minor") - F("fee_minor")))
    earned = UsageRoyalty.objects.aggregate(all=Sum("amount_minor"))["all"]
    if charged != counted or amount != lines["all"] or earned != lines["net"]:
        sys.exit("The rated month does not add up to what was counted.")


def _load() -> None:
    """Fills an empty database: studios with licenses and locks, and the uses of one month."""
    from django.db import connection

    from marketplace.catalog.models import Release
    from marketplace.licensing.models import TermsText
    from marketplace.licensing.terms.document import digest_of, terms_document
    from marketplace.licensing.terms.ready import READY
    from marketplace.payouts.operations import ensure_split
    from marketplace.people import operations as people

    begins = datetime(2026, 11, 1, tzinfo=UTC)
    alice, _studios = market.people_and_studios(STUDIOS, begins)
    made = market.releases(alice, RELEASES, 1, begins)
    makers = [
        people.become_creator(
            person=people.sign_up(email=f"{name}@example.com", password="ink on paper", display_name=name, now=begins),
            handle=name,
            now=begins,
        )
        for name in ("bob", "mo", "lin")
    ]
    thirds = {alice: 333_333_334, makers[0]: 333_333_333, makers[1]: 333_333_333}
    splits = [ensure_split(own=own, parents=[], now=begins) for own in (thirds, dict.fromkeys(makers[1:], 500_000_000))]
    market.unguarded()
    for place, split in enumerate(splits):
        Release.objects.filter(pk__in=[one.pk for one in made[place::3]]).update(split=split)
    terms = READY["studio"]
    TermsText.objects.create(
        digest=digest_of(terms), name=terms.name, document=terms_document(terms), created_at=begins
    )
    values = {
        "begins": begins,
        "month": MONTH,
        "terms": digest_of(terms),
        "studios": STUDIOS,
        "grants": GRANTS,
        "locks": LOCKS,
        "layers": LAYERS,
        "events": EVENTS,
        "offers": RELEASES * 4,
    }
    for sql in (_OFFERS, _PRICES, _GRANTS, _LOCKS, _PACKS, _EVENTS):
        market.unguarded(sql, values)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


FIGURES: Figures = {"usage-rate-1m": usage_rate}

if __name__ == "__main__":
    with market.opened(Path(os.environ["WORLDLOOM_DATA"])):
        print(json.dumps(_measured()))
