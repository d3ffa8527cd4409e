"""What stands behind commitments in the log."""

from marketplace.licensing import rules


def test_a_commitment_hides_its_content_behind_a_salt() -> None:
    assert rules.licensee_document("Lantern Films", "aa") == (
        b'{"format":"worldloom/licensee/1","name":"Lantern Films","salt":"aa"}'
    )
    assert rules.price_document(100, "USD", "aa") == (
        b'{"currency":"USD","format":"worldloom/price/1","price_minor":100,"salt":"aa"}'
    )
