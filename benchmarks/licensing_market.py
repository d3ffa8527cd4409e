"""What the figures of licenses are measured on: many studios, packs and licenses, made with the guards switched off."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.figure import Figures

FIGURES: Figures = {}
STUDIOS, RELEASES, FILES, LICENSES = 20_000, 2_000, 20, 1_000_000
BIG_STUDIO_LICENSES = 10_000
"""How many of the licenses the first studio has: one that asks about a release that it licensed several times."""

# Certificates are long and none is like another, so rows are as wide as real ones are, nearly.
_LICENSES = """
INSERT INTO licensing_grant (id, offer_id, release_id, terms_id, studio_id, licensee_name, licensee_country,
    licensee_registration, licensee_salt, project_id, source, seats, starts_at, ends_at, kind, replaces_id,
    price_minor, currency, granted_at, ordered_at, certificate, certificate_sha256, status_index)
SELECT gen_random_uuid(), o.id, o.release_id, o.terms_id, s.id, s.name, '', '', md5(n::text) || md5((-n)::text), NULL,
       'order-line:' || n, 30, %(now)s, CASE WHEN n %% 3 = 0 THEN %(now)s + interval '1 year' END, 'new', NULL,
       5000, 'USD', %(now)s - n * interval '1 second', NULL, c.certificate,
       encode(sha256(convert_to(c.certificate, 'UTF8')), 'hex'), n
  FROM generate_series(1, %(licenses)s) n
  JOIN (SELECT id, name, row_number() OVER (ORDER BY name) - 1 AS place FROM people_studio) s
    ON s.place = CASE WHEN n <= %(big)s THEN 0 ELSE n %% %(studios)s END
  JOIN (SELECT id, release_id, terms_id, row_number() OVER (ORDER BY id) - 1 AS place FROM licensing_offer) o
    ON o.place = (n * 7919::bigint + n / %(studios)s) %% %(offers)s
 CROSS JOIN LATERAL (SELECT string_agg(md5((n * 100 + part)::text), '') AS certificate
                       FROM generate_series(1, 12) part) c
"""
_STATUSES = """
INSERT INTO licensing_grantstatus (grant_id, status, reason, since)
SELECT id, CASE WHEN status_index %% 100 = 0 THEN 'suspended' ELSE 'revoked' END, '', %(now)s
  FROM licensing_grant WHERE status_index %% 50 = 0
"""


@contextlib.contextmanager
def opened(data: Path, *, durable: bool = False) -> Iterator[None]:
    """This will run an empty database below a folder and set Django up with it; `durable` ones wait for the disk."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    from embedded.postgres import ensure_database, server

    with contextlib.ExitStack() as stack:
        at = stack.enter_context(server(data / "postgres", durable=durable))
        ensure_database(at, "worldloom")
        os.environ["DATABASE_URL"] = at.url("worldloom")  # as its owner, who may analyze tables and skip guards
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        stack.callback(connections.close_all)
        call_command("migrate", verbosity=0, interactive=False)
        yield


def unguarded(sql: str = "", values: Any = None) -> None:
    """This will run a statement past the triggers, or without one switch them off for this connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        if sql:
            cursor.execute(sql, values)
            cursor.execute("SET session_replication_role = DEFAULT")


def people_and_studios(number: int, now: Any) -> tuple[Any, list[Any]]:
    """This will add Alice, who sells, and studios, each with its owner."""
    from marketplace.people import operations as people
    from marketplace.people.models import Person, Seat, Studio

    who = [
        Person(email=f"buyer{place}@example.com", password="!", display_name=f"Buyer {place}", joined_at=now)
        for place in range(number)
    ]
    Person.objects.bulk_create(who, batch_size=5_000)
    studios = [Studio(name=f"Studio {place:06d}", created_at=now) for place in range(number)]
    Studio.objects.bulk_create(studios, batch_size=5_000)
    Seat.objects.bulk_create(
        [
            Seat(studio=studio, person=person, role=Seat.OWNER, created_at=now)
            for studio, person in zip(studios, who, strict=True)
        ],
        batch_size=5_000,
    )
    alice = people.sign_up(email="alice@example.com", password="ink on wet paper", display_name="Alice", now=now)
    return people.become_creator(person=alice, handle="alice", now=now), studios


def releases(alice: Any, number: int, files: int, now: Any) -> list[Any]:
    """This will add packs with a release each, whose manifests list their files."""
    from marketplace.catalog.models import Pack, Release
    from marketplace.payouts.operations import ensure_split

    split = ensure_split(own={alice: 1_000_000_000}, parents=[], now=now)
    packs = [
        Pack(creator=alice, owner=alice, handle=f"pack-{place}", kind="world", created_at=now)
        for place in range(number)
    ]
    Pack.objects.bulk_create(packs)
    made = []
    for place, pack in enumerate(packs):
        listed = [{"path": f"{one}.png", "sha256": _sha256(f"{place}/{one}")} for one in range(files)]
        manifest = json.dumps({"pack": place, "assets": listed}).encode()
        made.append(
            Release(
                pack=pack, version="1.0.0", digest=hashlib.sha256(manifest).hexdigest(), manifest=manifest, split=split,
                title={"en": f"Pack {place}"}, summary={"en": ""}, made_by="human", ai_training="with-license",
                published_at=now,
            )
        )  # fmt: skip
    Release.objects.bulk_create(made)
    return made


def files_of(made: list[Any], files: int, now: Any) -> None:
    """This will add the files of releases, past the triggers that read every manifest."""
    from assets.models import Asset, Blob
    from marketplace.catalog.models import ReleaseAsset

    unguarded()
    for start in range(0, len(made), 200):
        part = made[start : start + 200]
        names = [(release, one, _sha256(f"{start + place}/{one}")) for place, release in enumerate(part)
                 for one in range(files)]  # fmt: skip
        Blob.objects.bulk_create([Blob(sha256=sha256, size_bytes=1, stored_at=now) for _r, _o, sha256 in names])
        rows = [Asset(blob_id=sha, media_type="image/png", facts={}, inspected_at=now) for _r, _o, sha in names]
        Asset.objects.bulk_create(rows)
        ReleaseAsset.objects.bulk_create(
            ReleaseAsset(release=release, asset=row, position=one, path=f"{one}.png", role="content")
            for (release, one, _sha), row in zip(names, rows, strict=True)
        )
    unguarded("SELECT 1")


def offers(made: list[Any], terms: list[Any], price_minor: int, now: Any) -> list[Any]:
    """This will add an offer of each release under each terms, with its first price."""
    from marketplace.licensing.models import Offer, OfferPrice, TermsText
    from marketplace.licensing.terms.document import digest_of, terms_document

    texts = [
        TermsText(digest=digest_of(one), name=one.name, document=terms_document(one), created_at=now) for one in terms
    ]
    TermsText.objects.bulk_create(texts)
    rows = [
        Offer(release=release, terms=text, price_minor=price_minor, currency="USD", salt=uuid4().hex, created_at=now)
        for release in made
        for text in texts
    ]
    Offer.objects.bulk_create(rows, batch_size=5_000)
    OfferPrice.objects.bulk_create(
        [
            OfferPrice(offer=row, number=0, price_minor=price_minor, starts_at=now, salt=row.salt, created_at=now)
            for row in rows
        ],
        batch_size=5_000,
    )
    return rows


def licenses(number: int, offered: int, now: Any) -> None:
    """This will add licenses, one in 50 of them suspended or revoked, and let the database look at its tables."""
    from django.db import connection

    unguarded(
        _LICENSES,
        {"now": now, "licenses": number, "big": BIG_STUDIO_LICENSES, "studios": STUDIOS, "offers": offered},
    )
    unguarded(_STATUSES, {"now": now})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
