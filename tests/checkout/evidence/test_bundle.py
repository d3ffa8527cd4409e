"""What a bank is shown of a dispute: all of it from facts, the same bytes each time, checked with other tools."""

import base64
import csv
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import rfc8785
from django.db import transaction
from django.db.utils import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from marketplace.checkout.evidence import making, texts
from marketplace.checkout.evidence.readme import SNIPPET
from marketplace.checkout.evidence.submitting import contents_of
from marketplace.checkout.evidence.tables import EvidenceBundle
from marketplace.checkout.methods import keep
from marketplace.checkout.papers.operations import issue_papers
from marketplace.checkout.papers.queries import papers_of
from marketplace.licensing.erasing import erase_licensee
from marketplace.licensing.models import Download
from tests.cast import NOON, later
from tests.checkout.evidence.case import decided, disputed, fetched, opened, seal
from tests.checkout.shop import grant_of


@pytest.fixture
def line(shop):
    """Alice's world for 50.00, fetched by Carol twice and by her program once; then her bank takes the money."""
    line = shop.line(shop.offer(price_minor=50_00))
    fetched(grant_of(line), 2)
    fetched(grant_of(line), by="key wl_abc")
    seal()
    return line


def made(dispute, **more):
    return making.make_bundle(**({"dispute": dispute, "by": None, "now": later(days=4, hours=1)} | more))


def test_a_bundle_has_what_was_bought_delivered_and_proven(line):
    dispute = disputed(line.order)
    bundle = made(dispute)
    archive, own = opened(bundle), f"licenses/{grant_of(line).pk}/"
    assert archive.testzip() is None
    names = set(archive.namelist())
    assert {"README.txt", "SHA256SUMS", "cover.pdf", "facts.json", "texts.json"} <= names
    assert {name.removeprefix(own) for name in names if name.startswith(own)} >= {
        *("certificate.jws", "certificate.pdf", "terms.json", "terms.en.txt", "terms.zh-Hans.txt", "licensee.json"),
        *("manifest.json", "checkpoint", "log.vkey", "receipt.cose", "downloads.csv", "files.csv"),
        *("entries/grant.json", "entries/release.json", "proofs/grant.tlog-proof", "proofs/release.tlog-proof"),
        *("openssl/log.pem", "openssl/checkpoint.sig", "openssl/certificate.sig"),
    }
    assert not any(name.startswith(f"{own}files/") for name in names), "licensed files are not sent to banks"
    assert (bundle.number, bundle.is_proven, bundle.by) == (1, True, None)
    assert bundle.size_bytes == len(archive.fp.getvalue())
    assert bundle.sha256 == hashlib.sha256(archive.fp.getvalue()).hexdigest()


def test_the_papers_of_the_order_are_in_it_and_go_into_the_form(line):
    issue_papers(now=later(hours=4))
    [paper] = papers_of(line.order)
    archive = opened(bundle := made(disputed(line.order)))
    assert archive.read(f"papers/{paper.name}.json") == paper.document.encode()
    assert archive.read(f"papers/{paper.name}.pdf").startswith(b"%PDF-")
    _texts, files = contents_of(bundle)
    assert files["receipt"][0] == f"papers-{paper.name}.pdf"


def test_its_facts_are_those_of_the_order(line):
    carol = line.order.buyer
    keep(studio=line.order.studio, gateway="sandbox", token=line.order.method, brand="visa", last4="4242", now=NOON)
    facts = json.loads(opened(made(disputed(line.order, fee_minor=15_00))).read("facts.json"))
    assert facts["format"] == "worldloom/dispute-evidence/1"
    assert facts["dispute"]["amount_minor"] == 50_00
    assert facts["dispute"]["reason"] == "fraudulent"
    assert facts["order"]["id"] == str(line.order_id)
    assert facts["order"]["paid_at"] == "2026-11-22T14:00:00Z"
    assert facts["order"]["card"] == {"brand": "visa", "last4": "4242"}
    assert facts["buyer"] == {"name": "Carol", "email": carol.email, "account_since": "2026-11-22T12:00:00Z"}
    assert facts["studio"]["name"] == "Lantern Films"
    [told] = facts["lines"]
    assert (told["pack"], told["version"], told["price_minor"], told["disputed_minor"]) == (
        *("alice/yunhai", "1.0.0", 50_00, 50_00),
    )
    assert told["terms"]["sha256"] == line.offer.terms_id
    [license] = facts["licenses"]
    assert license["downloads"] == {
        "count": 3,
        "by_program": 1,
        "first_at": "2026-11-22T16:00:00Z",
        "last_at": "2026-11-22T16:00:00Z",
    }
    assert [one["status"] for one in license["statuses"]] == ["suspended"]


def test_its_data_is_canonical_json_of_integers(line):
    """docs/formats/dispute-evidence.md: read and written again it is the same bytes, and no number is a float."""
    archive = opened(made(disputed(line.order)))
    for name in ("facts.json", "texts.json"):
        content = archive.read(name)
        read = json.loads(content, parse_float=lambda text: pytest.fail(f"a float: {text}"))
        assert rfc8785.dumps(read) == content


@given(
    lengths=st.lists(st.integers(0, 300), max_size=40),
    limit=st.integers(200, 1_000),
)
def test_what_is_cut_fits_and_says_how_much_is_left_out(lengths, limit):
    text = "\n".join("x" * length for length in lengths)
    cut = texts.clipped(text, limit)
    assert len(cut) <= limit
    if len(text) <= limit:
        assert cut == text
    elif "\n" in cut:
        *kept, last = cut.split("\n")
        assert kept == text.split("\n")[: len(kept)]
        assert f"and {len(lengths) - len(kept)} more lines" in last


def test_the_log_of_access_has_each_download_and_by_whom(line):
    archive = opened(made(disputed(line.order)))
    rows = list(csv.reader(io.StringIO(archive.read(f"licenses/{grant_of(line).pk}/downloads.csv").decode())))
    assert rows == [
        ["at", "by"],
        ["2026-11-22T16:00:00Z", "Carol"],
        ["2026-11-22T16:01:00Z", "Carol"],
        ["2026-11-22T16:00:00Z", "key wl_abc"],
    ]
    said = json.loads(archive.read("texts.json"))
    assert "2026-11-22T16:01:00Z downloaded by Carol" in said["access_activity_log"]
    assert said["customer_email_address"] == "carol@example.com"
    assert said["service_date"] == "2026-11-22"
    assert "50.00 USD" in said["product_description"]


def test_the_same_facts_are_the_same_bundle_and_new_ones_are_another(line):
    dispute = disputed(line.order)
    first = made(dispute)
    again = made(dispute, now=later(days=5), by=line.order.buyer)
    assert again.pk == first.pk
    assert again.by is None
    fetched(grant_of(line), by="Carol, once more")
    second = made(dispute, now=later(days=5), by=line.order.buyer)
    assert (second.number, second.by) == (2, line.order.buyer)
    assert second.sha256 != first.sha256
    assert opened(first).testzip() is None, "what was made before stays"


def test_other_tools_check_it(line, tmp_path: Path):
    """sha256sum, OpenSSL and a few lines on Python's standard library, just as README.txt says it."""
    with opened(made(disputed(line.order))) as archive:
        archive.extractall(tmp_path)
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path, check=True)
    folder = tmp_path.joinpath("licenses", str(grant_of(line).pk))
    readme = tmp_path.joinpath("README.txt").read_text()
    certificate = "openssl dgst -sha256 -verify openssl/certificate.pem -signature openssl/certificate.sig"
    checkpoint = "openssl pkeyutl -verify -pubin -inkey openssl/log.pem -rawin -in openssl/checkpoint.txt"
    for command in (f"{certificate} openssl/certificate.txt", f"{checkpoint} -sigfile openssl/checkpoint.sig"):
        assert command.partition(" -sigfile")[0] in readme
        done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    named = json.loads(folder.joinpath("entries", "grant.json").read_text())["body"]["certificate"]
    assert named == hashlib.sha256(folder.joinpath("certificate.jws").read_bytes()).hexdigest()
    root = subprocess.run([sys.executable, "-I", "-c", SNIPPET], cwd=folder, capture_output=True, text=True, check=True)
    assert root.stdout.strip() == folder.joinpath("openssl", "checkpoint.txt").read_text().splitlines()[2]


def test_other_tools_see_what_was_changed(line, tmp_path: Path):
    with opened(made(disputed(line.order))) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path.joinpath("licenses", str(grant_of(line).pk))
    entry = folder.joinpath("entries", "grant.json")
    entry.write_bytes(entry.read_bytes() + b" ")
    root = subprocess.run([sys.executable, "-I", "-c", SNIPPET], cwd=folder, capture_output=True, text=True, check=True)
    assert root.stdout.strip() != folder.joinpath("openssl", "checkpoint.txt").read_text().splitlines()[2]
    folder.joinpath("openssl", "checkpoint.txt").write_text("another log\n3\n" + base64.b64encode(b"x" * 32).decode())
    command = "openssl pkeyutl -verify -pubin -inkey openssl/log.pem -rawin -in openssl/checkpoint.txt"
    command += " -sigfile openssl/checkpoint.sig"
    assert subprocess.run(command.split(), cwd=folder, capture_output=True, check=False).returncode != 0
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False).returncode


def test_a_license_that_nobody_fetched_says_so(shop):
    line = shop.line(shop.offer(price_minor=50_00))
    seal()
    archive = opened(made(disputed(line.order)))
    assert archive.read(f"licenses/{grant_of(line).pk}/downloads.csv") == b"at,by\r\n"
    said = json.loads(archive.read("texts.json"))
    assert "No download is recorded." in said["access_activity_log"]
    assert "downloaded" not in said["uncategorized_text"]


def test_ten_thousand_downloads_are_all_there_and_the_text_is_cut(shop):
    line = shop.line(shop.offer(price_minor=50_00))
    seal()
    grant = grant_of(line)
    Download.objects.bulk_create(
        [Download(grant=grant, by="Carol", downloaded_at=later(hours=4, seconds=n)) for n in range(10_000)]
    )
    archive = opened(made(disputed(line.order)))
    assert archive.read(f"licenses/{grant.pk}/downloads.csv").count(b"\r\n") == 10_001
    said = json.loads(archive.read("texts.json"))
    log = said["access_activity_log"]
    assert len(log) <= texts.TEXT_LIMIT
    assert "10000 downloads" in log
    assert log.endswith(" more lines, which are in the attached papers.")
    assert sum(map(len, said.values())) <= texts.TEXTS_LIMIT
    assert len(archive.read("cover.pdf")) < 200_000


def test_an_order_of_several_shows_each_and_a_part_says_how_much(shop):
    order = shop.buy(shop.offer(price_minor=30_00), shop.offer("personal", 10_00, release=shop.market.derived))
    seal()
    archive = opened(made(disputed(order, amount_minor=20_00)))
    facts = json.loads(archive.read("facts.json"))
    assert [(one["pack"], one["disputed_minor"]) for one in facts["lines"]] == [
        ("alice/yunhai", 15_00),
        ("bob/ink", 5_00),
    ]
    assert len(facts["licenses"]) == 2
    assert len({name.split("/")[1] for name in archive.namelist() if name.startswith("licenses/")}) == 2


def test_what_the_log_does_not_have_yet_is_said_and_made_again(shop):
    line = shop.line(shop.offer(price_minor=50_00))
    dispute = disputed(line.order)
    assert making.make_due_bundles(now=later(days=4, hours=1)) == 1
    first = EvidenceBundle.objects.get()
    assert not first.is_proven
    assert f"licenses/{grant_of(line).pk}/certificate.jws" in opened(first).namelist()
    assert making.make_due_bundles(now=later(days=4, hours=1, minutes=5)) == 0, "it waits for the log"
    seal(later(days=4, hours=1))
    assert making.make_due_bundles(now=later(days=4, hours=2)) == 1
    assert dispute.bundles.get(number=2).is_proven
    assert making.make_due_bundles(now=later(days=4, hours=3)) == 0


def test_evidence_is_made_by_itself_while_the_dispute_is_open(line):
    assert making.make_due_bundles(now=later(days=4)) == 0
    dispute = disputed(line.order)
    other = disputed(line.order, "dp_2", amount_minor=1)
    decided(other, "won")
    assert making.make_due_bundles(now=later(days=12)) == 1
    assert EvidenceBundle.objects.get().dispute == dispute
    at_once = disputed(line.order, "dp_3", amount_minor=1, now=later(days=13))
    decided(at_once, "lost", later(days=13))
    assert making.make_due_bundles(now=later(days=13)) == 1
    assert at_once.bundles.count() == 1


def test_whose_holder_was_erased_has_no_papers_and_says_so(shop, market):
    """Erasing is the one change that the database allows; the rest of the evidence stands without it."""
    line = shop.line(shop.offer(price_minor=50_00))
    seal()
    erase_licensee(studio=market.cast.studio)
    archive = opened(made(disputed(line.order)))
    own = f"licenses/{grant_of(line).pk}/"
    assert {name.removeprefix(own) for name in archive.namelist() if name.startswith(own)} == {
        *("terms.en.txt", "terms.json", "files.csv", "downloads.csv"),
    }
    assert json.loads(archive.read("facts.json"))["licenses"][0]["certificate"] == ""
    assert making.make_due_bundles(now=later(days=9)) == 0, "no later log brings its papers back"


def test_names_from_everywhere_stand_in_the_papers(shop, market):
    market.cast.carol.display_name = "光影 Ünïted שלום " * 4
    market.cast.carol.save()
    line = shop.line(shop.offer(price_minor=50_00))
    seal()
    archive = opened(made(disputed(line.order)))
    assert archive.read("cover.pdf").startswith(b"%PDF-1.7")
    assert "光影" in json.loads(archive.read("texts.json"))["customer_name"]


def test_the_database_keeps_evidence_as_it_was_made(line):
    bundle = made(disputed(line.order))
    for change in (lambda: EvidenceBundle.objects.update(number=2), bundle.delete):
        with pytest.raises(IntegrityError, match="rows of checkout_evidencebundle"), transaction.atomic():
            change()
