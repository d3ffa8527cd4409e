"""What every page relies on: the policy against inline code, sprites and files that exist, contrast, budgets."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation
from django_cotton.compiler_regex import CottonCompiler

HOME = Path(settings.HOME)
UI = HOME / "marketplace/ui"
STATIC = UI / "static/ui"
CSS = {path.name: path.read_text("utf-8") for path in sorted((STATIC / "css").glob("*.css"))}


def templates() -> Iterator[Path]:
    for package in sorted(HOME.glob("*/__init__.py")):
        yield from sorted(package.parent.rglob("templates/**/*.html"))


def page(name: str, language: str = "en", **cookies: str) -> str:
    request = RequestFactory().get("/packs?q=ink%22%3E")
    request.user = AnonymousUser()
    request.COOKIES.update(cookies)
    with translation.override(language):
        return render_to_string(name, {"here": "browse"}, request=request)


def rendered(source: str, **context: object) -> str:
    return Template(CottonCompiler().process("{% load ui %}" + source)).render(Context(context))


@pytest.mark.parametrize("path", list(templates()), ids=lambda path: path.relative_to(HOME).as_posix())
def test_no_template_carries_code_or_style_of_its_own(path: Path) -> None:
    source = re.sub(r"{% comment %}.*?{% endcomment %}", "", path.read_text("utf-8"), flags=re.DOTALL)

    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|javascript:|hx-on|\bjs:", source)
    # Linked data is not code: the policy lets it stand.
    assert not re.search(r"""<script(?![^>]*\ssrc=)(?! type="application/ld\+json">)""", source)
    assert not re.search(r"{{\s*attrs\s*}}", source), "cotton's attrs are not escaped: write attrs|attributes"
    assert not re.search(r'(src|href)="https?://', source), "nothing is loaded from elsewhere"


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([a-z-]+)"', (STATIC / "icons.svg").read_text("utf-8")))
    named = set()
    for path in templates():
        source = path.read_text("utf-8")
        named |= set(re.findall(r'<c-icon name="([a-z-]+)"', source))
        named |= set(re.findall(r'\sicon(?:-end)?="([a-z-]+)"', source))

    assert named - sprite == set()


def test_every_component_declares_what_it_reads() -> None:
    """A component sees its page's variables: one that is not declared would leak in."""
    known = {"slot", "attrs", "request", "messages", "user", "csrf_token", "forloop", "now", "theme_url"}
    for path in sorted((UI / "templates/cotton").glob("*.html")):
        source = re.sub(r"{% comment %}.*?{% endcomment %}", "", path.read_text("utf-8"), flags=re.DOTALL)
        vars_tag = re.search(r"<c-vars\s(.*?)/>", source, re.DOTALL)
        declared = {name.replace("-", "_") for name in re.findall(r":?([\w-]+)=", vars_tag[1])} if vars_tag else set()
        made = set(re.findall(r"\bas (\w+)", source)) | set(re.findall(r"\bwith (\w+)=", source))
        made |= set(re.findall(r"(?:count|with) (\w+)=", source))
        for loop in re.findall(r"{% for ([\w, ]+) in", source):
            made |= {name.strip() for name in loop.split(",")}
        read = {name for name in re.findall(r"{{\s*(\w+)", source) if name != "_"}
        assert read - declared - made - known == set(), path.name


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_style_guide_shows_every_component(language: str) -> None:
    html = page("ui/styleguide.html", language)
    source = (UI / "templates/ui/styleguide.html").read_text("utf-8")
    source += "".join(path.read_text("utf-8") for path in (UI / "templates").rglob("*.html"))

    assert f'<html lang="{"zh-Hans" if language == "zh-hans" else "en"}">' in html
    assert "<c-" not in html
    assert "{%" not in html
    for path in (UI / "templates/cotton").glob("*.html"):
        assert f"<c-{path.stem.replace('_', '-')}" in source, f"{path.stem} is shown nowhere"
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert sorted(ids) == sorted(set(ids))
    for label in re.findall(r'\s(?:for|aria-describedby|aria-labelledby)="([^"]+)"', html):
        assert set(label.split()) <= set(ids), label


def test_the_theme_is_the_cookies_and_only_if_it_is_one() -> None:
    assert '<html lang="en" data-theme="dark">' in page("ui/styleguide.html", theme="dark")
    assert '<html lang="en" data-theme="light">' in page("ui/styleguide.html", theme="light")
    assert '<html lang="en">' in page("ui/styleguide.html", theme='"><script>')


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_pages_need_nothing_but_themselves(name: str) -> None:
    with translation.override("zh-hans"):
        html = render_to_string(name)

    assert '<html lang="zh-Hans">' in html
    assert html.count("<h1>") == 1


def test_attributes_and_titles_are_escaped() -> None:
    evil = '"><script>alert(1)</script>'

    html = rendered(
        '<c-button :data-x="evil" data-y="{{ evil }}" disabled>{{ evil }}</c-button>'
        '<c-pack-card href="{{ evil }}" :title="titles" creator="{{ evil }}" :cover="evil" />'
        '<c-hash :value="evil" /><c-field :help="evil" :label="evil" name="a" />',
        evil=evil,
        titles={"en": evil},
    )

    assert "<script" not in html
    assert ' data-x="&quot;&gt;&lt;script' in html
    assert " disabled" in html


def test_query_strings_change_one_thing_and_start_from_the_first_page() -> None:
    request = RequestFactory().get("/?kind=world&kind=style&cursor=abc&q=a+b")

    html = Template("{% load ui %}{% query kind='' %} {% query cursor='z' %}").render(Context({"request": request}))

    assert html == "?q=a+b ?kind=world&amp;kind=style&amp;q=a+b&amp;cursor=z"


def test_the_stylesheets_and_scripts_stay_within_budget() -> None:
    def weight(paths: list[Path]) -> int:
        return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)

    assert weight(list((STATIC / "css").glob("*.css"))) <= 20_000
    wallet = STATIC / "js/wallet.js"  # Only pages on which a wallet can do something load it.
    assert weight([path for path in (STATIC / "js").glob("*.js") if path != wallet]) <= 10_000
    assert weight([wallet]) <= 4_500
    for name, text in CSS.items():
        assert text.count("{") == text.count("}"), name


def test_every_token_that_a_rule_uses_is_defined() -> None:
    text = "".join(CSS.values())
    defined = set(re.findall(r"(--[\w-]+)\s*:", text))

    assert set(re.findall(r"var\((--[\w-]+)", text)) - defined == set()


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "grounds", "least"),
    [
        ("ink", ["bg", "surface", "sunken", "surface-2", "surface-3", "accent-soft"], 7.0),
        ("ink-2", ["bg", "surface", "sunken", "surface-2", "surface-3", "accent-soft"], 4.5),
        ("accent-ink", ["bg", "surface", "sunken"], 4.5),
        ("on-accent", ["accent", "accent-hover"], 4.5),
        ("ok-ink", ["ok-soft"], 4.5),
        ("warn-ink", ["warn-soft"], 4.5),
        ("bad-ink", ["bad-soft", "surface", "bg"], 4.5),
        ("line-strong", ["bg", "surface", "sunken"], 3.0),
        ("ok", ["surface", "bg", "ok-soft"], 3.0),
        ("bad", ["surface", "bg", "bad-soft"], 3.0),
    ],
)
def test_text_and_controls_stand_out_from_their_ground(theme: int, ink: str, grounds: list[str], least: float) -> None:
    tokens = {}
    for name, value in re.findall(r"--([\w-]+):\s*(light-dark\([^)]*\)|#[0-9a-f]{6});", CSS["tokens.css"]):
        colors = re.findall(r"#[0-9a-f]{6}", value)
        tokens[name] = colors[theme if len(colors) == 2 else 0]

    for ground in grounds:
        light, dark = sorted([_luminance(tokens[ink]), _luminance(tokens[ground])], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, f"--{ink} on --{ground}"
