"""Names that may enter a release, and names that may not stand beside each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.rules import PATH_LIMIT_BYTES, path_findings, paths_findings


@pytest.mark.parametrize(
    "path",
    ["a.png", "pictures/夜市 (2).webp", "é.txt", "…/x.txt", ".hidden/a.txt", "console.txt", "n" * 196 + ".txt"],
)
def test_a_plain_path_may_enter(path: str) -> None:
    assert path_findings(path) == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "path-empty"),
        ("a//b", "path-climbs"),
        ("a/", "path-climbs"),
        ("./a", "path-climbs"),
        ("a/../b", "path-climbs"),
        ("/a", "path-absolute"),
        ("a\\b", "path-backslash"),
        ("a\nb", "path-hidden-character"),
        ("a\x7fb", "path-hidden-character"),
        ("a\u200bb", "path-hidden-character"),
        ("a\u2069b", "path-hidden-character"),
        ("a\ud800b", "path-hidden-character"),
        ("a\u2028b", "path-hidden-character"),
        ("e\u0301", "path-not-nfc"),
        ("夜" * 67, "path-too-long"),
        ("a:b", "path-reserved"),
        ("what?.png", "path-reserved"),
        ("NUL", "path-reserved"),
        ("x/Com1.txt", "path-reserved"),
        ("a./b", "path-reserved"),
        (" a", "path-reserved"),
        ("a /b", "path-reserved"),
    ],
)
def test_a_path_that_means_something_else_elsewhere_may_not(path: str, code: str) -> None:
    (finding,) = path_findings(path)

    assert finding.code == code
    assert finding.message.isprintable()


@pytest.mark.parametrize(
    ("paths", "codes"),
    [
        (["a.png", "b.png", "c/a.png"], []),
        (["a.png", "A.PNG"], ["path-twice"]),
        (["straße.txt", "STRASSE.txt"], ["path-twice"]),
        (["ﬁ.txt", "fi.txt"], ["path-twice"]),
        (["a", "a/b.png"], ["path-is-folder"]),
        (["x/y/z.png", "X/y"], ["path-is-folder"]),
        (["../a", "../a", "b"], ["path-climbs", "path-climbs"]),
    ],
)
def test_paths_that_would_collide_are_found(paths: list[str], codes: list[str]) -> None:
    assert [finding.code for finding in paths_findings(paths)] == codes


@given(st.text(max_size=80))
def test_any_text_is_judged(path: str) -> None:
    findings = path_findings(path)

    if not findings:
        assert 0 < len(path.encode()) <= PATH_LIMIT_BYTES
        assert not {"", ".", ".."} & set(path.split("/"))
        assert "\\" not in path
        assert "\0" not in path
