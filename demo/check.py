"""What must be true after the play, asked from outside: over HTTP, of the books, and of a bundle on disk."""

import http.cookiejar
import json
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

from demo.play import CAST, DECLINED, PASSWORD, PURCHASES, RECIPES, Outcome
from marketplace.checkout.models import Order
from marketplace.checkout.queries import sources_of
from marketplace.licensing.queries import grants_from
from marketplace.payouts.queries import check_books

HOME = Path(__file__).resolve().parent.parent


class Unproven(Exception):
    """Something that must be true is not."""


def check(*, base: str, found: Outcome) -> None:
    """This will raise Unproven unless the play came out right."""
    _must(found.packs >= 6, f"{found.packs} packs are listed, not at least 6")
    for number, purchase in enumerate(PURCHASES, start=1):
        order = Order.objects.get(buyer__email=purchase.buyer, idempotency_key=f"demo:{number}")
        granted, due = len(grants_from(sources_of(order))), len(purchase.packs) * (purchase.card != DECLINED)
        _must(granted == due, f"order {number} of the play has {granted} licenses, not {due}")
    _must(found.anchors >= 1, "no checkpoint is anchored")
    _must(bool(found.paid) and all(amount > 0 for amount in found.paid.values()), "nothing was paid to creators")
    problems = check_books()
    _must(not problems, "the books do not check: " + "; ".join(problems))
    visitor = Visitor(base)
    for page in (
        "/",
        "/browse",
        "/browse?q=" + urllib.parse.quote("云海"),
        "/packs/alice/yunhai",
        "/verify",
        "/log/",
    ):
        visitor.get(page)
    _must("云海" in visitor.get("/browse?q=" + urllib.parse.quote("云海")), "a search for 云海 finds nothing")
    _must("\n— " in visitor.get("/log/checkpoint"), "the checkpoint is no signed note")
    visitor.get("/api/v1/schema")
    _bundle(visitor)
    _recipes(visitor)


def _recipes(visitor: "Visitor") -> None:
    """Sees, as Carol, that her recipes are locked and that a lock becomes a workflow that names it."""
    kept = visitor.get("/recipes")
    _must(all(woven.title in kept for woven in RECIPES), "Carol misses a recipe that she kept")
    locks = re.findall(r'href="/recipes/locks/([0-9a-f]{64})"', visitor.get("/recipes/locks"))
    _must(len(set(locks)) == len(RECIPES), f"Carol sees {len(set(locks))} locks, not {len(RECIPES)}")
    workflow = json.loads(visitor.get(f"/recipes/locks/{locks[0]}/exports/comfyui-api"))
    named = workflow["extra_data"]["extra_pnginfo"]["worldloom"]["recipe"]
    _must(named == locks[0], "the workflow names another lock")


def _bundle(visitor: "Visitor") -> None:
    """Downloads a license as Carol, verifies it offline, and sees a flipped byte refused."""
    visitor.sign_in(next(role.email for role in CAST if role.email.startswith("carol")))
    links = re.findall(r'href="(/licenses/[0-9a-f-]{36})', visitor.get("/licenses"))
    _must(bool(links), "Carol sees no license")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        path.write_bytes(visitor.fetch(links[0] + "/download"))
        good = _verify(path)
        _must(good.returncode == 0, f"the bundle does not verify: {good.stdout.strip()}")
        altered = Path(folder) / "altered.zip"
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(altered, "w") as target:
            for name in source.namelist():
                data = bytearray(source.read(name))
                if name == "manifest.json":
                    data[len(data) // 2] ^= 1
                target.writestr(name, bytes(data))
        _must(_verify(altered).returncode == 1, "a bundle with a flipped byte verifies")


def _verify(path: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "ledger.verify", str(path)]
    return subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=60, check=False)


def _must(true: bool, otherwise: str) -> None:
    if not true:
        raise Unproven(otherwise)


class Visitor:
    """A browser without scripts."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def fetch(self, path: str, data: dict[str, str] | None = None) -> bytes:
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        request = urllib.request.Request(self.base + path, data=body, headers={"Referer": self.base + path})
        try:
            with self.opener.open(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise Unproven(f"{path} answers {error.code}") from None

    def get(self, path: str) -> str:
        return self.fetch(path).decode()

    def sign_in(self, email: str) -> None:
        form = self.get("/sign-in")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        if token is None:
            raise Unproven("the sign-in page has no form")
        self.fetch("/sign-in", {"csrfmiddlewaretoken": token[1], "email": email, "password": PASSWORD})
