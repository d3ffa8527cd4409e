"""Sending the publish form, doing the worker's part, and looking for what is left behind."""

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from ledger.models import Entry
from marketplace.catalog.models import Pack, Release
from marketplace.intake import operations
from marketplace.intake.models import Submission
from marketplace.licensing.models import Offer
from marketplace.people.models import Person
from tests import packs

ADDRESS, FOLDER = "/portal/publish", "/portal/publish/folder"


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def answers(**changes: Any) -> dict[str, Any]:
    """What Alice writes: a world with one element, offered under two licenses."""
    given: dict[str, Any] = {
        "kind": "world",
        "handle": "yunhai",
        "version": "1.0.0",
        "title_en": "Sea of Clouds",
        "title_zh": "云海",
        "summary_en": "A world above the weather.\r\nTwo lines.",
        "tags": "clouds, 云海，ink",
        "base_model": "sd15",
        "made_by": "human",
        "ai_training": "with-license",
        "cover": upload("cover.png", packs.picture()),
        "previews": [upload("cover.png", packs.picture()), upload("pier.png", packs.picture("#aa3311"))],
        "content": [upload("style.safetensors", packs.lora()), upload("prompts.txt", b"a pier above the clouds\n")],
        "element-0-name": "ink",
        "element-0-kind": "style",
        "element-0-title_en": "Ink",
        "element-0-files": "style.safetensors\r\npier.png",
        "element-0-triggers": "yunhai ink",
        "offer-personal-price": "16.00",
        "offer-personal-currency": "USD",
        "offer-studio-price": "180",
        "offer-studio-currency": "USD",
        "offer-enterprise-price": "",
        "offer-enterprise-currency": "USD",
    }
    for key, value in changes.items():
        given[key.replace("__", "-")] = value
    return {key: value for key, value in given.items() if value is not None}


def leftovers() -> list[str]:
    """Every file that an upload could leave: blobs, staged files, Django's own temporary ones."""
    kept = [
        path.name
        for name in ("blobs", "staging")
        for path in (settings.DATA_FOLDER / name).rglob("*")
        if path.is_file()
    ]
    return sorted(kept + [path.name for path in Path(tempfile.gettempdir()).glob("*.upload*")])


def assert_silence(before: list[str]) -> None:
    assert (Pack.objects.count(), Release.objects.count(), Offer.objects.count()) == (0, 0, 0)
    assert Entry.objects.count() == 0
    assert leftovers() == before


def refused(client: Client, given: dict[str, Any], address: str = ADDRESS) -> str:
    """Sends what must be refused, and gives the page."""
    before = leftovers()
    answer = client.post(address, given)
    assert answer.status_code == 422
    assert_silence(before)
    return answer.content.decode()


def examined(client: Client, given: dict[str, Any], address: str = ADDRESS) -> tuple[Submission, str]:
    """Sends what can be read, does the worker's part, and gives the submission with its page."""
    answer = client.post(address, given)
    assert answer.status_code == 302, answer.content.decode()
    operations.examine_due(now=timezone.now())
    submission = Submission.objects.latest("submitted_at")
    assert answer["Location"] == f"/portal/submissions/{submission.pk}"
    return submission, client.get(answer["Location"]).content.decode()


def published(client: Client, given: dict[str, Any], address: str = ADDRESS) -> Release:
    submission, page = examined(client, given, address)
    assert submission.state == "published", submission.findings
    assert "It is on the market" in page
    assert submission.release is not None
    return submission.release
