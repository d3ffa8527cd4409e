"""Text on paper: broken where people would, and nothing in it lost or hidden."""

import pytest

from marketplace.ui import typesetting


def test_lines_break_where_people_would() -> None:
    style = typesetting.Style(size=10)
    (whole,) = typesetting.lines("short", style, 100)
    assert whole == "short"
    assert list(typesetting.lines("one two three", style, typesetting.width_of("one two", style) + 1)) == [
        "one two",
        "three",
    ]
    broken = list(typesetting.lines("你好，世界。（引）", style, 31))
    assert "".join(broken) == "你好，世界。（引）"
    assert not [line for line in broken if line[0] in "，。）" or line[-1] == "（"]
    assert list(typesetting.lines("", style, 100)) == [""]
    long = "w" * 400
    pieces = list(typesetting.lines(long, style, 100))
    assert "".join(pieces) == long
    assert all(typesetting.width_of(piece, style) <= 100 for piece in pieces)


def test_signs_without_a_glyph_are_named_and_none_is_hidden() -> None:
    runs = "".join(run for _font, run in typesetting._runs("a\u202eb😀", typesetting.Style()))
    assert runs == "a[U+202E]b[U+1F600]"


def test_missing_fonts_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(typesetting, "HOME", tmp_path)
    typesetting._fonts.cache_clear()
    typesetting._width.cache_clear()
    with pytest.raises(typesetting.FontsMissing, match=r"run `python -m embedded\.frontend` first"):
        typesetting.width_of("a", typesetting.Style())
