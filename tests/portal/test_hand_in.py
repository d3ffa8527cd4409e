"""A program of Alice's hands in what it uploaded, and asks how far it has come."""

import io
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from assets.models import Upload
from assets.operations import take_stream
from marketplace.catalog.models import Release
from marketplace.intake import operations
from marketplace.intake.models import Submission
from marketplace.people import operations as people
from marketplace.people.models import Creator
from marketplace.portal.views.publish import SAMPLE
from tests import packs
from tests.cast import NOON, Cast, on_stage

ADDRESS = "/portal/hand-in"


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


def key_of(creator: Creator) -> dict[str, str]:
    _key, secret = people.issue_creator_key(creator=creator, name="script", now=NOON)
    return {"authorization": f"Bearer {secret}"}


def uploaded(creator: Creator) -> dict[str, str]:
    data = {"cover.webp": packs.picture(form="WEBP"), "wanderer.safetensors": packs.lora()}
    uploads = {
        name: take_stream(owner=creator.person, stream=io.BytesIO(content), name=name, now=timezone.now())
        for name, content in data.items()
    }
    return {name: str(upload.pk) for name, upload in uploads.items()}


def send(headers: dict[str, str], body: Any) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post(ADDRESS, text, content_type="application/json", headers=headers)


def test_a_program_hands_in_and_asks_until_it_is_published(cast: Cast) -> None:
    headers = key_of(cast.alice)
    answer = send(headers, {"pack": SAMPLE, "files": uploaded(cast.alice)})
    assert answer.status_code == 202, answer.content
    assert answer.json()["state"] == "waiting"
    operations.examine_due(now=timezone.now())
    said = Client().get(answer["Location"], headers=headers).json()
    assert (said["state"], said["pack"], said["findings"]) == ("published", "alice/sea-of-clouds", [])
    assert said["release"] == Release.objects.get().digest


def test_what_cannot_stand_is_refused_with_findings_and_nothing_is_handed_in(cast: Cast) -> None:
    headers, files = key_of(cast.alice), uploaded(cast.alice)
    for body, words in [
        ("{", "must be JSON"),
        ([], "must be JSON"),
        ({"pack": 7, "files": {}}, "must be JSON"),
        ({"pack": "a = ", "files": files}, "pack.toml is not TOML"),
        ({"pack": {"format": "x"}, "files": files}, "The format must be"),
        ({"pack": SAMPLE, "files": {"cover.webp": files["cover.webp"]}}, "wanderer.safetensors is listed"),
        ({"pack": SAMPLE, "files": {**files, "cover.webp": "no-id"}}, "cover.webp is listed"),
    ]:
        answer = send(headers, body)
        assert answer.status_code == 422, body
        assert answer["Content-Type"] == "application/problem+json"
        assert words in answer.json()["detail"]
    assert Submission.objects.count() == Release.objects.count() == 0
    assert Upload.objects.count() == 2


def test_only_the_owner_hands_in_and_asks(cast: Cast) -> None:
    files = uploaded(cast.alice)
    assert send(key_of(cast.bob), {"pack": SAMPLE, "files": files}).status_code == 422
    assert send({}, {"pack": SAMPLE, "files": files}).status_code == 401
    assert send({"authorization": "Bearer wl_none"}, {"pack": SAMPLE, "files": files}).status_code == 401
    answer = send(key_of(cast.alice), {"pack": SAMPLE, "files": files})
    assert Client().get(answer["Location"], headers=key_of(cast.bob)).status_code == 404
    assert Client().get(answer["Location"]).status_code == 401
    assert Client().delete(answer["Location"]).status_code == 405


def test_a_page_needs_the_token_of_its_form(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice.person)
    answer = client.post(ADDRESS, json.dumps({"pack": SAMPLE, "files": {}}), content_type="application/json")
    assert answer.status_code == 403
    assert Submission.objects.count() == 0
