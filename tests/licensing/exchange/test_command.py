"""`manage.py terms`: Alice reads Bob's license at the command line, and writes her own terms as others do."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketplace.licensing.terms.document import read_terms, terms_document
from marketplace.licensing.terms.ready import READY
from tests.licensing.exchange import licenses


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("terms", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_an_id_becomes_terms_and_what_was_lost_is_told() -> None:
    out, err = run("import", "CC-BY-4.0")
    assert json.loads(out) == json.loads(terms_document(READY["cc-by-4.0"]))
    assert err.startswith("CC-BY-4.0: patents: ")


def test_a_file_becomes_terms_that_can_be_written_again(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(licenses.MODEL_CARD, encoding="utf-8")
    out, _err = run("import", str(card))
    terms = tmp_path / "terms.json"
    terms.write_text(out, encoding="utf-8")
    out, err = run("export", "--to", "openrail", str(terms))
    assert (out.strip(), err) == ("openrail-m", "")


def test_refusals_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="leaves a choice"):
        run("import", "MIT OR ISC")
    with pytest.raises(CommandError, match="no ready-made terms and no file nothing"):
        run("export", "--to", "spdx", "nothing")
    with pytest.raises(CommandError, match="allows as little"):
        run("export", "--to", "civitai", "studio")
    broken = tmp_path / "terms.json"
    broken.write_text("{}")
    with pytest.raises(CommandError, match="worldloom/terms/2"):
        run("export", "--to", "spdx", str(broken))


def test_terms_that_were_exported_name_their_subject() -> None:
    out, _err = run("export", "studio", "--to", "rsl", "--subject", "https://worldloom.example/packs/yunhai")
    assert "https://worldloom.example/packs/yunhai" in out
    assert read_terms(terms_document(READY["studio"])) == READY["studio"]
