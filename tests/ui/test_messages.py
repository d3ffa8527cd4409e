"""Texts are found wherever people can read them, and all of them are translated."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from marketplace.ui import translations
from marketplace.ui.extract import Text, texts_of_project, texts_of_python, texts_of_template

CATALOG = Path(settings.HOME) / "locale/zh_Hans/LC_MESSAGES/django.po"


def test_every_text_has_a_chinese_one_with_the_same_placeholders() -> None:
    assert translations.faults(translations.load(CATALOG), texts_of_project(settings.HOME)) == []


def test_texts_are_found_in_python() -> None:
    source = (
        "from django.utils.translation import gettext as _, ngettext, pgettext\n"
        'a = _("Sold " "out")\n'
        'b = ngettext("%(n)d seat", "%(n)d seats", n)\n'
        'c = translation.pgettext("theme", "Light")\n'
        "d = _(word)\n"
    )

    assert list(texts_of_python(source, "a.py")) == [
        Text("a.py", 2, "Sold out"),
        Text("a.py", 3, "%(n)d seat", "%(n)d seats"),
        Text("a.py", 4, "Light", "", "theme"),
    ]


def test_a_text_put_together_while_running_is_refused() -> None:
    with pytest.raises(SyntaxError) as refusal:
        list(texts_of_python('\n_(f"Hello {name}")', "a.py"))

    assert str(refusal.value) == "a.py:2: the text is not a literal: mark what varies as %(name)s instead."


def test_texts_are_found_in_templates_and_in_the_attributes_of_components() -> None:
    source = """<c-vars label="{% trans 'When' %}" />
<c-card title="{% trans "Proof" %}"><c-slot name="foot">{% trans ": " context "a colon" %}</c-slot></c-card>
{% blocktrans count n=n trimmed %}
  {{ n }} seat
{% plural %}
  {{ n }} seats
{% endblocktrans %}
{% if a %}{{ _("Now") }}{% endif %}{# {% trans "not me" %} #}"""

    assert [(text.msgid, text.plural, text.context) for text in texts_of_template(source, "a.html")] == [
        ("When", "", ""),
        ("Proof", "", ""),
        (": ", "", "a colon"),
        ("%(n)s seat", "%(n)s seats", ""),
        ("Now", "", ""),
    ]


def test_merging_keeps_what_is_known_guesses_nothing_and_reports_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "zh_Hans/LC_MESSAGES/django.po"
    path.parent.mkdir(parents=True)
    first = translations.merge(translations.load(path), [Text("a.py", 1, "Sold"), Text("a.py", 2, "Gone")])
    first["Sold"].string = "已售"
    first["Gone"].string = "没了"
    path.write_bytes(translations.written(first))

    texts = [Text("a.py", 1, "Sold"), Text("a.py", 3, "Sold out"), Text("a.py", 4, "%(n)d seat", "%(n)d seats")]
    merged = translations.merge(translations.load(path), texts)

    assert merged["Sold"].string == "已售"
    assert merged["Sold out"].string == ""
    assert translations.faults(merged, texts) == [
        "missing: a.py:3: 'Sold out'",
        "missing: a.py:4: '%(n)d seat'",
    ]
    assert translations.faults(first, [Text("a.py", 1, "Sold")]) == ["no longer used: 'Gone'"]
    merged["Sold out"].string = "售罄"
    merged.get("%(n)d seat").string = ("%(m)d 个席位",)
    assert translations.faults(merged, texts) == ["placeholders differ: a.py:4: '%(n)d seat' against '%(m)d 个席位'"]
    assert translations.written(merged) == translations.written(translations.merge(merged, texts))


def test_compiling_twice_writes_once(tmp_path: Path, settings: pytest.FixtureRequest) -> None:
    path = tmp_path / "zh_Hans/LC_MESSAGES/django.po"
    path.parent.mkdir(parents=True)
    path.write_bytes(CATALOG.read_bytes())
    settings.LOCALE_PATHS = [tmp_path]

    call_command("messages", "--compile")
    written_at = path.with_suffix(".mo").stat().st_mtime_ns
    call_command("messages", "--compile")

    assert path.with_suffix(".mo").stat().st_mtime_ns == written_at
    assert not translations.compile_to(path)
