"""The figure of a backlog is measured as it says, on a small one."""

from benchmarks.anchor_backlog import FIGURES, anchor_backlog


def test_it_prepares_what_it_says() -> None:
    [figure] = anchor_backlog(checkpoints=3, claims=17)

    assert (figure.name, figure.unit, figure.goal) == ("anchor-backlog", "×", 3)
    assert "3 anchors and the list, proofs and calls of 17 claims" in figure.against
    assert list(FIGURES) == ["anchor-backlog"]
