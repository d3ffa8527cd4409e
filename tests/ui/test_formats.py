"""How facts read: exact texts in both languages."""

from datetime import UTC, datetime

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from marketplace.ui import charts, formats
from marketplace.ui.templatetags import ui


@pytest.mark.parametrize(
    ("minor", "currency", "english", "chinese"),
    [
        (18000, "USD", "$180.00", "US$180.00"),
        (8800, "CNY", "CN¥88.00", "¥88.00"),
        (1280, "JPY", "¥1,280", "JP¥1,280"),
        (1005, "EUR", "€10.05", "€10.05"),
        (1, "USD", "$0.01", "US$0.01"),
        (0, "USD", "$0.00", "US$0.00"),
        (-3168, "USD", "-$31.68", "-US$31.68"),
        (12345678901, "USD", "$123,456,789.01", "US$123,456,789.01"),
        # Two decimals in ISO 4217, none in CLDR's display rules: the stored unit decides.
        (150000, "IDR", "IDR\N{NO-BREAK SPACE}1,500.00", "IDR\N{NO-BREAK SPACE}1,500.00"),
    ],
)
def test_money_reads_as_its_currency_and_language_do(minor: int, currency: str, english: str, chinese: str) -> None:
    with translation.override("en"):
        assert ui.money(minor, currency) == english
    with translation.override("zh-hans"):
        assert ui.money(minor, currency) == chinese


def test_no_amount_reads_as_nothing() -> None:
    assert ui.money(None, "USD") == ""


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["USD", "CNY", "JPY", "KWD", "IDR"]))
def test_money_keeps_every_digit(minor: int, currency: str) -> None:
    with translation.override("en"):
        text = formats.money_text(minor, currency)

    digits = "".join(character for character in text if character in "0123456789")
    assert int(digits) == abs(minor)
    assert text.startswith("-") == (minor < 0)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1999, "1.9 kB"),
        (99_999, "99.9 kB"),
        (812_345, "812 kB"),
        (2_104_388_224, "2.1 GB"),
        (10**18, "1,000 PB"),
    ],
)
def test_sizes_are_short_and_never_rounded_up(size: int, text: str) -> None:
    with translation.override("en"):
        assert formats.bytes_text(size) == text.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("place", "english", "chinese"),
    [
        ("DE", "Germany", "德国"),
        ("CA-QC", "Canada (QC)", "加拿大 (QC)"),
        ("XX", "XX", "XX"),
        ("Baden-Baden", "Baden-Baden", "Baden-Baden"),
        ("", "", ""),
    ],
)
def test_a_place_is_named_by_its_country(place: str, english: str, chinese: str) -> None:
    with translation.override("en"):
        assert formats.place_text(place) == english
    with translation.override("zh-hans"):
        assert formats.place_text(place) == chinese


def test_days_and_moments_say_utc() -> None:
    said = datetime(2026, 11, 22, 2, 5, 56, tzinfo=UTC)

    with translation.override("en"):
        assert formats.date_text(said) == "Nov 22, 2026"
        assert formats.moment_text(said) == "Nov 22, 2026, 02:05 UTC"
        assert ui.moment(said) == (
            '<local-time><time datetime="2026-11-22T02:05:56Z">Nov 22, 2026, 02:05 UTC</time></local-time>'
        )
    with translation.override("zh-hans"):
        assert formats.date_text(said) == "2026年11月22日"
        assert formats.moment_text(said) == "2026年11月22日 02:05 UTC"


def test_a_title_is_picked_by_language_and_says_its_own() -> None:
    both = {"en": "Sea of Clouds", "zh-Hans": "云海"}
    with translation.override("zh-hans"):
        assert ui.title_in(both) == "云海"
        assert ui.titled({"en": "Ink & Paper"}) == '<span lang="en">Ink &amp; Paper</span>'
    with translation.override("en"):
        assert ui.title_in(both) == "Sea of Clouds"
        assert (ui.title_in({"zh-Hans": "云海"}), ui.title_lang({"zh-Hans": "云海"})) == ("云海", "zh-Hans")
        assert ui.title_in({"zh-Hans": "云海", "en": ""}) == "云海"
        assert ui.titled("<b>") == "&lt;b&gt;"
        assert ui.title_in({}) == ""


def test_a_digest_keeps_both_its_ends() -> None:
    assert formats.short_hash("9f2c41d0" + "0" * 52 + "e41a") == "9f2c41d0…e41a"
    assert formats.short_hash("short") == "short"


def test_bars_stand_on_the_ground_and_small_ones_can_be_seen() -> None:
    chart = charts.lay_out_bars([("a", 0, "0"), ("b", 1, "1"), ("c", 1000, "1,000")])

    assert [(bar.x, bar.y, bar.width, bar.height) for bar in chart.bars] == [
        (0, 119, 196, 1),
        (200, 118, 196, 2),
        (400, 0, 196, 120),
    ]
    assert charts.lay_out_bars([]).bars == ()
