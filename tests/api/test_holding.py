"""Projects and credits, seats, passing on, reported use, certificates, and may I?"""

import base64
import io
import json
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pypdf import PdfReader

import ledger.operations
from marketplace.api.models import Followed
from marketplace.licensing.holdings import Project, SeatAssignment, UsageReport
from marketplace.licensing.models import Grant
from marketplace.people import operations as people
from tests.api.shop import sell
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import NOON, later

ZERO = "00000000-0000-4000-8000-000000000000"
USE = {"territory": {"only": ["DE"]}, "fields": ["film"], "media": ["video"]}


def test_a_project_is_opened_once(market: Market, carol: Studio, dave: Studio) -> None:
    first = carol.send("POST", "/projects", {"name": "Night Market"}, key="p")
    again = carol.send("POST", "/projects", {"name": "Night Market"}, key="p")
    same = carol.send("POST", "/projects", {"name": "Night Market"}, key="q")
    bare = carol.call("POST", "/projects", b'{"name": "A"}')

    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert (same.status_code, same.json()["code"]) == (422, "project-refused")
    assert (bare.status_code, bare.json()["code"]) == (400, "idempotency-key-missing")
    assert carol.send("POST", "/projects", {"name": 7}).json()["findings"][0]["where"] == "/name"
    assert Project.objects.count() == 1
    assert [one["name"] for one in carol.get("/projects").json()["data"]] == ["Night Market"]
    assert dave.get("/projects").json()["data"] == []


def test_what_was_answered_is_never_edited(market: Market, carol: Studio) -> None:
    carol.send("POST", "/projects", {"name": "A"})
    with pytest.raises(IntegrityError), transaction.atomic():
        Followed.objects.update(answer="{}")
    assert Followed.objects.get().answer != "{}"


def test_projects_come_in_pages(market: Market, carol: Studio) -> None:
    for name in "ABC":
        carol.send("POST", "/projects", {"name": name}, key=name)
    first = carol.get("/projects?limit=2").json()
    second = carol.get(f"/projects?limit=2&cursor={first['next']}").json()

    assert [one["name"] for one in first["data"] + second["data"]] == ["C", "B", "A"]
    assert second["next"] is None
    assert carol.get("/projects?cursor=x").status_code == 422


@pytest.mark.parametrize(
    ("form", "accept", "media"),
    [
        ("json", "application/json", "application/json"),
        ("text", "text/plain", "text/plain; charset=utf-8"),
        ("csv", "text/csv", "text/csv; charset=utf-8"),
        ("spdx", "application/spdx+json", "application/spdx+json"),
    ],
)
def test_credits_are_told_in_every_form(
    market: Market, carol: Studio, dave: Studio, form: str, accept: str, media: str
) -> None:
    project = carol.send("POST", "/projects", {"name": "Night Market"}).json()["id"]
    carol.order(market.offer(), market.offer(release=market.derived))
    path = f"/projects/{project}/credits"
    asked, accepted = carol.get(f"{path}?format={form}"), carol.get(path, Accept=accept)

    for answer in (asked, accepted):
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, media), answer.content
        assert b"yunhai" in answer.content
    assert carol.get(path, Accept=accept, If_None_Match="*").status_code == 304
    assert carol.get(f"{path}?format=runes").status_code == 422
    assert dave.get(path).status_code == 404
    assert ANYBODY.get(path).status_code == 401


def seated(market: Market, name: str = "erin") -> str:
    """Somebody who works at Carol's."""
    found = people.sign_up(email=f"{name}@example.com", password="ink on wet paper", display_name=name, now=NOON)
    people.give_seat(studio=market.cast.studio, by=market.cast.carol, email=found.email, role="member", now=NOON)
    return str(found.email)


def test_seats_are_assigned_and_released(market: Market, carol: Studio, dave: Studio) -> None:
    email = seated(market)
    grant = carol.order(market.offer("personal"), card=None).json()["grants"][0]["id"]
    path = f"/grants/{grant}/seats"
    for _time in range(2):
        given = carol.call("PUT", f"{path}/{email}")
        assert (given.status_code, [one["email"] for one in given.json()["people"]]) == (200, [email]), given.content
    full = carol.call("PUT", f"{path}/{market.cast.carol.email}")
    assert (full.status_code, full.json()["code"]) == (409, "seat-not-assigned")
    assert carol.get(f"/grants/{grant}").json()["seats_used"] == 1
    for stranger in (market.cast.dave.email, "nobody@example.com"):
        assert carol.call("PUT", f"{path}/{stranger}").status_code == 404
    assert dave.call("PUT", f"{path}/{email}").status_code == 404
    assert SeatAssignment.objects.count() == 1

    for _time in range(2):
        freed = carol.call("DELETE", f"{path}/{email}")
        assert (freed.status_code, freed.json()["people"]) == (200, [])
    assert carol.get(path).json() == {"grant": grant, "seats": 1, "people": []}


def test_a_license_is_passed_on_once_where_its_terms_allow_that(market: Market, carol: Studio, dave: Studio) -> None:
    quill = dave.get("/studio").json()["id"]
    bound = carol.order(market.offer("personal"), card=None, key="1").json()["grants"][0]["id"]
    refused = carol.send("POST", f"/grants/{bound}/transfer", {"studio": quill})
    assert (refused.status_code, refused.json()["code"]) == (409, "transfer-of-license-refused")
    assert carol.send("POST", f"/grants/{bound}/transfer", {"studio": ZERO}).json()["findings"][0]["where"] == "/studio"

    free = carol.order(market.offer("enterprise"), key="2").json()["grants"][0]["id"]
    moved = carol.send("POST", f"/grants/{free}/transfer", {"studio": quill}, key="t")
    again = carol.send("POST", f"/grants/{free}/transfer", {"studio": quill}, key="t")
    assert (moved.status_code, moved.json()["licensee"]) == (201, "Quill"), moved.content
    assert again.content == moved.content
    assert carol.get(f"/grants/{free}").json()["state"] == "superseded"
    assert dave.get(f"/grants/{moved.json()['grant']}").json()["kind"] == "transfer"
    assert Grant.objects.count() == 3


def test_use_is_reported_once_for_each_key(market: Market, carol: Studio, dave: Studio) -> None:
    offer = sell(market, "metered", 5, unit="image")
    grant = carol.order(offer).json()["grants"][0]
    day = grant["starts_at"][:10]
    path = f"/grants/{grant['id']}/usage/november"
    report = {"quantity": 1200, "from_day": day, "until_day": day}
    first = carol.send("PUT", path, report)
    again = carol.send("PUT", path, report)
    other = carol.send("PUT", path, report | {"quantity": 1201})

    assert (first.status_code, first.json()["quantity"]) == (200, 1200), first.content
    assert first.json()["reported_by"] == f"key {carol.key.shown}"
    assert again.content == first.content
    assert (other.status_code, other.json()["code"]) == (422, "usage-refused")
    assert carol.send("PUT", path, report | {"quantity": 1.5}).json()["findings"][0]["where"] == "/quantity"
    assert dave.send("PUT", path, report).status_code == 404
    assert UsageReport.objects.count() == 1
    assert carol.get(f"/grants/{grant['id']}/usage").json()["data"] == [first.json()]


def test_grants_are_listed_by_project_state_and_end(market: Market, carol: Studio) -> None:
    project = carol.send("POST", "/projects", {"name": "A"}).json()["id"]
    monthly = sell(market, "monthly", 1000)
    pay = {"payment": {"card": "4242 4242 4242 4242"}}
    alone = carol.send(
        "POST", "/orders", {"items": [{"offer": str(market.offer().pk), "project": project}]} | pay, key="1"
    ).json()["grants"][0]["id"]
    ending = carol.order(monthly, key="2").json()["grants"][0]["id"]

    def listed(query: str) -> list[str]:
        answer = carol.get("/grants" + query)
        assert answer.status_code == 200, answer.content
        return [one["id"] for one in answer.json()["data"]]

    assert listed(f"?project={project}") == [alone]
    assert listed("?ending_before=2999-01-01") == [ending]
    assert listed("?state=expired") == []
    assert listed("?state=active") == [ending, alone]
    for query in ("?project=x", "?ending_before=soon", "?state=lost"):
        assert carol.get("/grants" + query).status_code == 422


def test_a_certificate_comes_as_text_on_paper_and_in_json(market: Market, carol: Studio, dave: Studio) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]
    path = f"/grants/{grant['id']}/certificate"
    text, paper = carol.get(path, Accept="application/jose"), carol.get(path + "?format=pdf")

    assert carol.get(path).json()["certificate"] == grant["certificate"]
    assert (text.headers["Content-Type"], text.content.decode()) == ("application/jose", grant["certificate"])
    assert paper.headers["Content-Type"] == "application/pdf"
    assert PdfReader(io.BytesIO(paper.content)).attachments["certificate.jws"] == [grant["certificate"].encode()]
    assert dave.get(path).status_code == 404


def test_anybody_can_check_a_license_and_learns_not_who_holds_it(market: Market, carol: Studio) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]
    answer = ANYBODY.get(f"/certificates/{grant['id']}")

    assert answer.status_code == 200, answer.content
    assert (answer.json()["pack"], answer.json()["state"]) == ("alice/yunhai", "active")
    assert "Lantern" not in answer.content.decode()
    assert ANYBODY.get(f"/certificates/{ZERO}").status_code == 404


def bent(certificate: str) -> dict[str, str]:
    """The ways in which a certificate goes wrong."""
    head, claims, signature = certificate.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    said["credentialSubject"]["seats"] = 9999
    wider = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return {
        "altered": f"{head}.{wider}.{signature}",
        "padded": certificate + "==",
        "cut": certificate[:-10],
        "nonsense": "hello",
    }


def test_certificates_are_checked(market: Market, carol: Studio) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=2))
    check: Any = lambda **body: ANYBODY.send("POST", "/certificates/check", body)  # noqa: E731
    good = check(certificate=grant["certificate"], release=market.world.digest)

    assert good.status_code == 200, good.content
    file = ANYBODY.get("/packs/alice/yunhai").json()["manifest"]["assets"][0]["sha256"]
    assert check(certificate=grant["certificate"], file=file).status_code == 200
    assert good.json()["said"]["licensee"] == "Lantern Films"
    assert good.json()["standing"]["state"] == "active"
    told = [check(certificate=text) for text in bent(grant["certificate"]).values()]
    told.append(check(certificate=grant["certificate"], release=market.derived.digest))
    told.append(check(certificate=grant["certificate"], file="0" * 64))
    for refused in told:
        assert (refused.status_code, refused.json()["code"]) == (422, "certificate-refused"), refused.content
    assert len({one.json()["detail"] for one in told}) >= 3
    assert check().json()["code"] == "invalid-request"


def test_may_i(market: Market, carol: Studio, dave: Studio) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]
    file = ANYBODY.get("/packs/alice/yunhai").json()["manifest"]["assets"][0]["sha256"]
    ask: Any = lambda who, digest=file, use=USE, **more: who.send(  # noqa: E731
        "POST", "/may-i", {"sha256": digest, "use": use, **more}
    )
    yes = ask(carol)

    assert yes.status_code == 200, yes.content
    assert yes.json() == {
        "allowed": True,
        "reasons": [],
        "duties": {
            "credits": [{"layer": "alice/yunhai@1.0.0", "line": ""}],
            "approvals": [],
            "royalties": [],
            "share_alike": "",
            "banned": [],
        },
        "grant": grant["id"],
        "release": market.world.digest,
    }
    assert yes.headers["Cache-Control"] == "no-store"
    assert ask(carol, digest=market.world.digest).json()["allowed"] is True
    no = ask(carol, use=USE | {"commercial": "full"}).json()
    assert (no["allowed"], [one["code"] for one in no["reasons"]]) == (False, ["commercial-not-allowed"])
    assert [one["code"] for one in ask(dave).json()["reasons"]] == ["no-license"]
    assert [one["code"] for one in ask(carol, digest="0" * 64).json()["reasons"]] == ["unknown-digest"]
    assert ask(carol, person=market.cast.carol.email).json()["allowed"] is True
    assert ask(ANYBODY).status_code == 401
    for body, where in (
        ({"digest": "x"}, "/sha256"),
        ({"project": ZERO}, "/project"),
        ({"person": market.cast.dave.email}, "/person"),
        ({"use": {}}, "/use/territory"),
    ):
        refused = ask(carol, **body)
        assert (refused.status_code, refused.json()["findings"][0]["where"]) == (422, where), refused.content
