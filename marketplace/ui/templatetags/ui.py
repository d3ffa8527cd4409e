"""Tags and filters for every page: money, sizes, dates, digests, titles, attributes, charts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from django import template
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.template.context import Context
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from marketplace.ui import charts, formats

register = template.Library()

register.filter("shorthash", formats.short_hash)
register.filter("bytesize", formats.bytes_text)
register.filter("number", formats.number_text)
register.simple_tag(formats.language_tag, name="html_lang")


@register.filter
def money(minor: int | None, currency: str) -> str:
    """This will write minor units of a currency, nothing for no amount: `{{ price_minor|money:"USD" }}`."""
    return "" if minor is None or minor == "" else formats.money_text(int(minor), str(currency))


register.simple_tag(money, name="money")


@register.filter
def localdate(moment: datetime | None) -> str:
    """This will write a day in the visitor's language; nothing for no day."""
    return formats.date_text(moment) if moment else ""


@register.filter
def month(day: date | None) -> str:
    """This will write the month of a day in the visitor's language; nothing for no day."""
    return formats.month_text(day) if day else ""


@register.simple_tag
def moment(when: datetime | None) -> SafeString | str:
    """This will write a `<time>` in UTC, which local-time.js turns to the visitor's own zone."""
    if not when:
        return ""
    stamp = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html('<local-time><time datetime="{}">{}</time></local-time>', stamp, formats.moment_text(when))


@register.filter
def title_in(titles: Mapping[str, str] | str) -> str:
    """This will pick the visitor's text out of `{"en": …, "zh-Hans": …}`, else what there is."""
    return formats.choose_title(titles)[0]


@register.filter
def title_lang(titles: Mapping[str, str] | str) -> str:
    """This will give the tag of the text that `title_in` picks, for a `lang` attribute."""
    return formats.choose_title(titles)[1]


@register.simple_tag
def titled(titles: Mapping[str, str] | str) -> SafeString | str:
    """This will write a title, in a `<span lang>` when it is not in the page's language."""
    text, tag = formats.choose_title(titles)
    if not tag or tag == formats.language_tag():
        return conditional_escape(text)
    return format_html('<span lang="{}">{}</span>', tag, text)


@register.filter
def attributes(attrs: Any) -> SafeString:
    """This will write a component's other attributes, escaped, which cotton's `{{ attrs }}` is not."""
    given = attrs.attrs_dict() if hasattr(attrs, "attrs_dict") else dict(attrs or {})
    flags = format_html_join("", " {}", ((key,) for key, value in given.items() if value is True))
    pairs = format_html_join(
        "",
        ' {}="{}"',
        ((key, value) for key, value in given.items() if value is not True and value not in (False, None)),
    )
    return flags + pairs


@register.filter
def control(field: BoundField) -> SafeString:
    """This will write a form field's control, tied to its help and errors by `aria-describedby`."""
    described = [f"{field.auto_id}_helptext"] if field.help_text else []
    described += [f"{field.auto_id}_error"] if field.errors else []
    return field.as_widget(attrs={"aria-describedby": " ".join(described)} if described else {})


@register.filter
def control_kind(field: BoundField) -> str:
    """This will name a form field's widget (`checkboxinput`, `select`, `radioselect` …), for its look."""
    return type(field.field.widget).__name__.lower()


@register.filter
def beside(cells: Sequence[Any], columns: Sequence[Any]) -> list[tuple[Any, Any]]:
    """This will pair each cell of a table's row with its column."""
    return list(zip(columns, cells, strict=False))


@register.simple_tag
def lay_out_bars(rows: Sequence[Mapping[str, Any]] | None) -> charts.Bars:
    """This will place bars for rows of `{"label", "value", "text"}`; without `text`, the value is shown."""
    return charts.lay_out_bars(
        [(str(row["label"]), int(row["value"]), str(row.get("text", row["value"]))) for row in rows or []]
    )


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: Any) -> str:
    """This will write the page's query string with some values changed; an empty value drops its key.

    The cursor is dropped unless it is given: another filter starts from the first page.
    """
    request = context.get("request")
    values = request.GET.copy() if request is not None else QueryDict(mutable=True)
    values.pop("cursor", None)
    for key, value in changes.items():
        if value in (None, ""):
            values.pop(key, None)
        else:
            values[key] = str(value)
    return f"?{values.urlencode()}" if values else "?"
