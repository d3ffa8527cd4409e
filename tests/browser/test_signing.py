"""Alice makes a key in a real Chromium, publishes and signs there, and the log verifies under that key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.utils import timezone

from ledger.models import CreatorKey, Entry
from ledger.signing.jws import decode_base64url
from marketplace.catalog.models import Release
from marketplace.intake.models import Submission
from tests import packs
from tests.browser.conftest import violations
from tests.cast import PASSWORD, Cast, on_stage
from tests.intake.stage import examined, hand_in
from tests.ledger.keyholders import findings

pytestmark = pytest.mark.browser

KEYS = "/portal/keys/signing"
PASSPHRASE = "clouds over 云海, twelve and more"
READ_OUT = """() => new Promise((resolve) => {
  const opened = indexedDB.open("worldloom-signing", 1);
  opened.onsuccess = () => {
    const all = opened.result.transaction("keys").objectStore("keys").getAll();
    all.onsuccess = async () => {
      const [{ key }] = all.result;
      resolve(await crypto.subtle.exportKey("jwk", key).then(() => "read out", (error) => error.name));
    };
  };
})"""


def signed_in(open_page: Callable[..., Any], address: str, **given: Any) -> Any:
    page = open_page(f"/sign-in?next={address}", locale="en-US", **given)
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.wait_for_url(f"**{address}")
    return page


def waiting(cast: Cast, folder: Path, **given: Any) -> Submission:
    now = timezone.now()
    return examined(hand_in(cast.alice, packs.write(folder, handle="yunhai", **given), now), now)


def verified(key: CreatorKey) -> None:
    """The one release's entry verifies under the key, with nothing of ours."""
    release = Release.objects.get()
    said = json.loads(bytes(Entry.objects.get(type="release").body))
    payload = rfc8785.dumps({"body": said["body"], "log": settings.LOG_ORIGIN})
    message = b"DSSEv1 38 application/vnd.worldloom.release+json %d %s" % (len(payload), payload)
    ((signature),) = said["signatures"]
    public = Ed25519PublicKey.from_public_bytes(decode_base64url(key.public_jwk["x"]))
    public.verify(decode_base64url(signature["sig"]), message)
    assert (said["body"]["release"], signature["kid"]) == (release.digest, key.kid)
    assert findings() == []


@pytest.mark.deep
def test_a_key_made_in_the_browser_signs_a_release_there(
    emptied: None, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    cast = on_stage()
    page = signed_in(open_page, KEYS)
    assert violations(page) == []
    page.get_by_label("Passphrase of the backup file").fill(PASSPHRASE)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Make a key in this browser").click()
    page.get_by_text("It is in this browser").wait_for()
    assert violations(page) == []
    key = CreatorKey.objects.get()
    assert (key.custody, key.encrypted_private) == ("own", None)
    assert page.evaluate(READ_OUT) == "InvalidAccessError"  # no script reads it out
    backup = tmp_path / "backup.json"
    saved.value.save_as(backup)
    assert sorted(json.loads(backup.read_text())) == ["format", "iterations", "iv", "kid", "salt", "sealed"]

    submission = waiting(cast, tmp_path / "yunhai")
    assert submission.state == "to-sign"
    page.goto(f"/portal/submissions/{submission.pk}")
    assert violations(page) == []
    page.get_by_text("The exact texts").click()
    page.locator("sign-here pre", has_text='"pack":"alice/yunhai"').wait_for()
    page.get_by_role("button", name="Sign and publish").click()
    page.get_by_role("link", name="Open its page").wait_for()

    verified(key)

    # Another browser of hers has no key before it reads the backup in.
    second = waiting(cast, tmp_path / "more", version="1.1.0", seed=2)
    other = signed_in(open_page, f"/portal/submissions/{second.pk}")
    other.get_by_text("It is not in this browser").wait_for()
    other.get_by_role("button", name="Sign and publish").click()
    other.get_by_text("This browser does not have your key.").wait_for()
    assert Release.objects.count() == 1
    other.goto(KEYS)
    other.get_by_label("Backup file", exact=True).set_input_files(backup)
    other.get_by_label("Its passphrase").fill("another one")
    other.get_by_role("button", name="Read it in").click()
    other.get_by_text("The file does not open").wait_for()
    other.get_by_label("Its passphrase").fill(PASSPHRASE)
    other.get_by_role("button", name="Read it in").click()
    other.get_by_text("It is in this browser").wait_for()
    other.goto(f"/portal/submissions/{second.pk}")
    other.get_by_role("button", name="Sign and publish").click()
    other.get_by_role("link", name="Open its page").wait_for()
    assert Release.objects.count() == 2

    # Back into the marketplace's hands, with her key's signature.
    other.goto(KEYS)
    other.get_by_role("button", name="Hand over and let it be kept").click()
    other.get_by_text("Kept by the marketplace, encrypted, and used for you").wait_for()
    assert Entry.objects.filter(type="key-rotation").count() == 1
    assert findings() == []
