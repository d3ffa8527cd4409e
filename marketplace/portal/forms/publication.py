"""The publish form as a whole: details and files, elements, shares, parents and offers, read into one draft."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assets.models import Upload
from marketplace.catalog.deriving import Derived, absolute_shares, left_to_makers, release_of
from marketplace.catalog.rules import Draft, DraftElement, DraftFile, DraftParent, parse_reference
from marketplace.checkout.rules import platform_fee
from marketplace.intake.rules import DraftOffer
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.people.models import Creator
from marketplace.portal import words
from marketplace.portal.forms.rows import DetailsForm, ElementRow, ParentRow, ShareRow, offer_rows, offers_in

ELEMENT_ROWS, SHARE_ROWS, PARENT_ROWS = 8, 5, 3
_SEPARATORS = re.compile(r"[,，、;；\n]")
# Where a finding about a draft belongs on the page, when it is not a field's own name.
_FIELDS = {"title": "title_en", "summary": "summary_en", "files": "content"}
_SECTIONS: Mapping[str, str | Promise] = {
    "split": gettext_lazy("Who made it"),
    "derived_from": gettext_lazy("Made with"),
    "offers": gettext_lazy("Licenses"),
}
_PARTS: Mapping[str, str | Promise] = {
    "element": gettext_lazy("Element %(number)s"),
    "share": gettext_lazy("Maker %(number)s"),
    "parent": gettext_lazy("Source %(number)s"),
}


@dataclass(frozen=True)
class Kept:
    """A file of the version before that may stay in the next one."""

    path: str
    role: str
    sha256: str
    size_bytes: int
    is_cover: bool


@dataclass(frozen=True)
class Problem:
    """One finding as the top of the page lists it, and the field that it leads to."""

    field_id: str
    label: str
    message: str


def _rows(
    kind: type[forms.Form], name: str, count: int, data: QueryDict | None, start: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """Makes the rows of one table; a row in which nothing is written stays out of the draft."""
    return [
        kind(
            data,
            prefix=f"{name}-{number}",
            initial=dict(start[number]) if data is None and number < len(start) else None,
            empty_permitted=True,
            use_required_attribute=False,
        )
        for number in range(count)
    ]


class Publication:
    """Everything that the page asks for.

    `start` pre-fills it by its parts' names; `kept` are files that may stay, `uploads` the creator's own that arrived.
    """

    def __init__(
        self,
        creator: Creator,
        *,
        data: QueryDict | None = None,
        files: "MultiValueDict[str, UploadedFile] | None" = None,
        start: Mapping[str, Any] | None = None,
        kept: Iterable[Kept] = (),
        uploads: Iterable[Upload] = (),
    ) -> None:
        start, self.creator = start or {}, creator
        self.kept = {file.path: file for file in kept}
        self.uploads = {str(upload.pk): upload for upload in uploads}
        self._arrived: Mapping[str, list[str]] = start.get("uploads", {})
        initial = {
            "made_by": "human",
            "ai_training": "not-allowed",
            "keep": list(self.kept),
            **start.get("details", {}),
        }
        self.details = DetailsForm(data, files, initial=initial, use_required_attribute=False)
        self.details.fields["keep"].choices = [(path, path) for path in self.kept]  # type: ignore[attr-defined]
        self.details.fields["cover"].required = not (
            any(file.is_cover for file in self.kept.values()) or self.uploaded("cover")
        )
        self.details.fields["content"].required = not (
            any(file.role == "content" for file in self.kept.values()) or self.uploaded("content")
        )
        self.elements = _rows(ElementRow, "element", ELEMENT_ROWS, data, start.get("elements", []))
        self.shares = _rows(ShareRow, "share", SHARE_ROWS, data, start.get("shares", []))
        self.parents = _rows(ParentRow, "parent", PARENT_ROWS, data, start.get("parents", []))
        self.offers = offer_rows(data, start.get("offers", {}))
        self.sections: dict[str, list[str]] = {}

    def uploaded(self, field: str) -> list[Upload]:
        """This will list the creator's own uploads that came with the form for one of cover, previews and content."""
        asked = self._arrived.get(field, [])
        if self.details.is_bound:
            asked = self.details.data.getlist(f"uploaded_{field}")  # type: ignore[union-attr]
        return [self.uploads[pk] for pk in dict.fromkeys(asked) if pk in self.uploads]

    def uploads_by_path(self) -> dict[str, Upload]:
        """This will name the uploads by the path that each has in the release."""
        return {upload.name: upload for field in ("cover", "previews", "content") for upload in self.uploaded(field)}

    @property
    def parts(self) -> list[tuple[str, forms.Form]]:
        """All forms in the order of the page, with what the page calls them."""
        named: list[tuple[str, forms.Form]] = [("", self.details)]
        for name, rows in (("element", self.elements), ("share", self.shares), ("parent", self.parents)):
            named += [(_PARTS[name] % {"number": n}, row) for n, row in enumerate(rows, start=1)]
        return named + [(words.say(words.TERMS, name), row) for name, row in self.offers.items()]

    def is_valid(self) -> bool:
        """This will tell whether every part can be read; all are looked at, so that every finding shows."""
        valid = [part.is_valid() for _name, part in self.parts]
        self._check_shares()
        return self._check_files() and all(valid) and not self.sections

    def _check_shares(self) -> None:
        rows = [row.cleaned_data for row in self.shares if row.is_valid() and row.cleaned_data]
        names = [row["creator"].strip() for row in rows]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._say("split", _("%(creator)s stands in two rows: add the shares up.") % {"creator": name})
        total = sum(row["share"] for row in rows)
        if rows and total != WHOLE_PPB and all(row.is_valid() for row in self.shares):
            text = _("The shares add up to %(sum)s: they must add up to %(whole)s.")
            values = {"sum": words.percent_text(total), "whole": words.percent_text(WHOLE_PPB)}
            self._say("split", text % values)

    def _check_files(self) -> bool:
        files, _streams = self._files()
        roles = [role for _path, role in files]
        for field, role in (("cover", "preview"), ("content", "content")):
            if role not in roles and not self.details.has_error(field):
                self.details.add_error(field, self.details.fields[field].error_messages["required"])
        return self._check_names() and {"preview", "content"} <= set(roles)

    def _check_names(self) -> bool:
        """Tells whether no two uploads would be one file of the release; a cover that is a preview as well is one."""
        first: dict[str, tuple[str, Upload]] = {}
        differ = True
        for field in ("cover", "previews", "content"):
            for upload in self.uploaded(field):
                place, other = first.setdefault(upload.name, (field, upload))
                is_twice = place != field if "content" in (place, field) else upload.sha256 != other.sha256
                if upload.pk != other.pk and is_twice:
                    text = _("%(path)s stands under “%(other)s” too: rename one of the two, or remove it.")
                    label = self.details.fields[place].label
                    self.details.add_error(field, text % {"path": upload.name, "other": label})
                    differ = False
        return differ

    def read(self) -> tuple[Draft, list[DraftOffer], dict[str, BinaryIO]]:
        """This will give what the form says, as `operations.publish` takes it; what cannot be read is left out.

        Kept files have no stream yet: `kept_blobs` names their bytes.
        """
        given = self.details.cleaned_data
        files, streams = self._files()
        of, _slash, handle = given.get("handle", "").strip().rpartition("/")
        draft = Draft(
            of=of,
            handle=handle,
            version=given.get("version", "").strip(),
            kind=given.get("kind", ""),
            title=texts(given.get("title_en", ""), given.get("title_zh", "")),
            summary=texts(given.get("summary_en", ""), given.get("summary_zh", "")),
            files=tuple(DraftFile(path, role) for path, role in files),
            cover=self._cover(files),
            elements=tuple(self._elements()),
            tags=tags_in(given.get("tags", "")),
            base_model=given.get("base_model", ""),
            made_by=given.get("made_by", ""),
            ai_training=given.get("ai_training", ""),
            split={row["creator"].strip(): row["share"] for row in _read(self.shares)},
            derived_from=self._parents(),
        )
        return draft, offers_in(self.offers), streams

    def kept_blobs(self) -> dict[str, str]:
        """This will name the bytes of the files that stay: path → SHA-256; a new file of one's name comes instead."""
        _files, streams = self._files()
        ticked, uploads = self.details.cleaned_data.get("keep", []), self.uploads_by_path()
        return {path: self.kept[path].sha256 for path in ticked if path not in streams and path not in uploads}

    def _files(self) -> tuple[list[tuple[str, str]], dict[str, BinaryIO]]:
        """Lists (path, role): the cover, previews, content, then what is kept. The cover chosen twice counts once."""
        given = self.details.cleaned_data
        cover: UploadedFile | None = given.get("cover")
        sent = [(cover, "preview")] if cover else []
        sent += [(file, "preview") for file in given.get("previews", []) if not (cover and _same(cover, file))]
        sent += [(file, "content") for file in given.get("content", [])]
        streams = {str(file.name): cast(BinaryIO, file) for file, _role in sent}
        files = [(upload.name, "preview") for upload in self.uploaded("cover") + self.uploaded("previews")]
        files = [(str(file.name), role) for file, role in sent] + list(dict.fromkeys(files))
        files += [(upload.name, "content") for upload in self.uploaded("content")]
        named = {path for path, _role in files}
        files += [(path, self.kept[path].role) for path in given.get("keep", []) if path not in named]
        return files, streams

    def _cover(self, files: Sequence[tuple[str, str]]) -> str:
        """Names the cover: the one chosen, else the one that was kept, else the first preview."""
        chosen: UploadedFile | None = self.details.cleaned_data.get("cover")
        previews = [path for path, role in files if role == "preview"]
        if chosen is not None:
            return str(chosen.name)
        if uploaded := self.uploaded("cover"):
            return uploaded[-1].name
        kept = [path for path in previews if path in self.kept and self.kept[path].is_cover]
        return (kept or previews or [""])[0]

    def _elements(self) -> Iterator[DraftElement]:
        for row in _read(self.elements):
            yield DraftElement(
                name=row["name"].strip(),
                kind=row["kind"],
                title=texts(row["title_en"], row["title_zh"]),
                files=_lines(row["files"]),
                triggers=_lines(row["triggers"]),
            )

    def _parents(self) -> tuple[DraftParent, ...]:
        return tuple(DraftParent(*row["release"], row["share"], row["mode"]) for row in _read(self.parents))

    @property
    def own_ppb(self) -> int:
        """The creator's own share of a sale, as far as the form says it; rounded down, the fold may add one."""
        shares = {row["creator"].strip(): row["share"] for row in _read(self.shares)}
        own = shares.get(self.creator.handle, 0) if shares else WHOLE_PPB
        return left_to_makers(self._parents()) * own // WHOLE_PPB

    def sources(self) -> dict[str, Any]:
        """This will say which absolute shares come with the sources that the form names: reference → its digest and
        digest → ppb, as text, since scripts read them.
        """
        told = [str(row["release"].value() or "").strip() for row in self.parents]
        parents = [DraftParent(*found, 1) for text in told if (found := parse_reference(text))]
        return {
            parent.reference: {
                "id": release.digest,
                "absolute": {digest: str(ppb) for digest, ppb in absolute_shares([Derived(release, 1)]).items()},
            }
            for parent in parents
            if (release := release_of(parent))
        }

    def nets(self, fee_ppb: int) -> dict[str, str]:
        """This will say what each price of a sent form leaves to the creator: terms → an amount in words."""
        found: dict[str, str] = {}
        own_ppb = self.own_ppb if self.details.is_bound else 0
        for name, row in self.offers.items():
            if row.is_bound and row.is_valid() and "price_minor" in row.cleaned_data:
                price, currency = row.cleaned_data["price_minor"], row.cleaned_data["currency"]
                net = (price - platform_fee(price, fee_ppb)) * own_ppb // WHOLE_PPB
                found[name] = words.net_text(net, currency)
        return found

    def _say(self, section: str, message: str) -> None:
        if message not in self.sections.setdefault(section, []):
            self.sections[section].append(message)

    def refuse(self, findings: Iterable[tuple[str, str]]) -> None:
        """This will put findings, each (where, sentence), beside what they are about.

        What a part of the form has found by itself is not said twice.
        """
        known = set(self.details.errors) | set(self.sections)
        known |= {"split"} if any(row.errors for row in self.shares) else set()
        known |= {"derived_from"} if any(row.errors for row in self.parents) else set()
        for where, message in findings:
            field = _FIELDS.get(where, where)
            row = self._element_named(where)
            if field in known:
                continue
            if row is not None:
                row.add_error("name", message)
            elif field in self.details.fields:
                self.details.add_error(field, message)
            elif field in _SECTIONS:
                self._say(field, message)
            else:
                self.details.add_error(self._field_of_file(where), message)

    def _element_named(self, where: str) -> ElementRow | None:
        name = where.removeprefix("element ")
        rows = [row for row in self.elements if row.is_bound and row["name"].value()]
        return next((row for row in rows if where != name and row["name"].value().strip() == name), None)

    def _field_of_file(self, where: str) -> str | None:
        """Finds the input that a file came by, from a place such as "NAME: offset 8"."""
        for field in ("cover", "previews", "content"):
            given = self.details.cleaned_data.get(field) or []
            for file in given if isinstance(given, list) else [given]:
                if where == file.name or where.startswith(f"{file.name}: "):
                    return field
            for upload in self.uploaded(field):
                if where == upload.name or where.startswith(f"{upload.name}: "):
                    return field
        return None

    @property
    def problems(self) -> list[Problem]:
        """Every finding, in the order of the page."""
        found = [Problem("", "", str(text)) for text in self.details.non_field_errors()]
        for part_name, part in self.parts:
            for bound in part:
                label = f"{part_name} · {bound.label}" if part_name else str(bound.label)
                found += [Problem(bound.id_for_label, label, str(text)) for text in bound.errors]
        for section, label in _SECTIONS.items():
            found += [Problem(section, str(label), text) for text in self.sections.get(section, [])]
        return found


def _read(rows: Iterable[forms.Form]) -> list[dict[str, Any]]:
    """Gives the rows that can be read and are not empty."""
    return [row.cleaned_data for row in rows if row.is_bound and row.is_valid() and row.cleaned_data]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def texts(english: str, chinese: str) -> dict[str, str]:
    """This will keep the languages in which something is written; browsers send CR LF, manifests have LF."""
    said = {"en": english, "zh-Hans": chinese}
    return {language: text.strip().replace("\r\n", "\n") for language, text in said.items() if text.strip()}


def tags_in(text: str) -> tuple[str, ...]:
    """This will part tags at commas and lines of either script."""
    return tuple(tag.strip() for tag in _SEPARATORS.split(text) if tag.strip())


def _same(first: UploadedFile, second: UploadedFile) -> bool:
    """Tells whether one file was chosen twice."""
    if first.name != second.name or first.size != second.size:
        return False
    same = all(a == b for a, b in zip(first.chunks(), second.chunks(), strict=False))
    first.seek(0)
    second.seek(0)
    return same
