"""Compositions at the door: handing one in from its recipe, and seeing that its files say what its draft does."""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from assets.inspectors.compositions import MOST_RECIPE_BYTES, read_composition
from assets.models import Upload
from marketplace.catalog.operations import UnableToPublish, release_of
from marketplace.catalog.rules import COMPOSITION, Draft, Finding, gettext_noop
from marketplace.compositions.composing import Contracts, packs_of, parent_shares
from marketplace.compositions.compositions import COMPOSITION_FILE, RECIPE_FILE
from marketplace.compositions.drafting import About, draft_of, own_in
from marketplace.compositions.drafting_words import CODES
from marketplace.compositions.notation.document import UnreadableDocument, from_document
from marketplace.compositions.notation.findings import UnreadableRecipe
from marketplace.compositions.notation.model import Recipe
from marketplace.compositions.notation.reading import read
from marketplace.compositions.resolving import resolve
from marketplace.compositions.sharing import policy_of
from marketplace.intake.models import Submission
from marketplace.intake.pricing import priced
from marketplace.intake.rules import DraftOffer
from marketplace.intake.submitting import hand_in
from marketplace.payouts.rules import CURRENCIES
from marketplace.people.models import Creator
from marketplace.ui.words import Words

_ = gettext_noop
_NOT_EXACT = _("%(pack)s in the layer “%(layer)s” must be named with its exact version: write @%(exact)s.")
_NO_FILE = _("A composition has the files composition.json and recipe.txt, both content: add %(path)s.")
_NOT_HERE = _("%(path)s is a composition, which only packs of the kind “composition” have, as composition.json.")
_OTHER_TEXT = _("recipe.txt says something else than the recipe in composition.json: write them anew.")
_OTHER_PACKS = _(
    "composition.json has %(said)s at packs[%(number)s], but by its recipe it is %(found)s: write it anew."
)
_OTHER_POLICY = _("composition.json says the policy %(said)s, but its recipe says %(found)s.")
_TOO_LONG = _("%(path)s is larger than %(limit)s bytes.")
_NOTHING = Words(_("nothing"))


def publish_composition(
    *,
    creator: Creator,
    recipe: Recipe | str,
    about: About,
    cover: BinaryIO | Upload,
    offers: Sequence[DraftOffer] = (),
    contracts: Contracts | None = None,
    masks: Mapping[str, str] | None = None,
    now: datetime,
    by_hand: bool = False,
) -> Submission:
    """This will hand a recipe in as a pack of the kind composition; a worker then inspects and publishes it.

    `by_hand` is as for `hand_in`. Raises UnreadableRecipe, UnableToPublishComposition with line and column,
    UnableToPublish, UnableToOffer or UnableToUpload; then nothing is left of it.
    """
    empty = Draft("", "", "", {}, {}, (), "")
    drafted = draft_of(
        recipe=recipe,
        creator=creator,
        about=about,
        terms=[one.terms for one in priced(empty, offers)],
        contracts=contracts,
        masks=masks,
        now=now,
    )
    streams: dict[str, BinaryIO] = {path: io.BytesIO(data) for path, data in drafted.files.items()}
    is_sent = not isinstance(cover, Upload)
    return hand_in(
        creator=creator,
        draft=drafted.draft,
        offers=offers,
        uploads={} if is_sent else {about.cover: cover},
        streams={**streams, **({about.cover: cover} if is_sent else {})},
        kept={},
        now=now,
        by_hand=by_hand,
    )


def check_composition(
    *, creator: Creator, draft: Draft, facts: Mapping[str, Mapping[str, Any]], paths: Mapping[str, Path], now: datetime
) -> None:
    """This will raise UnableToPublish where the files of a draft compose otherwise than it says, or where they may not.

    `facts` are what inspection found in each file of the draft, `paths` where their bytes are. What composition.json
    says must be what its recipe says: the packs, their exact versions, and their parts of the picture; and the draft
    must owe each of those releases what the policy gives it. Compositions that it is made with are owed beside them.
    """
    found = list(_findings(creator, draft, facts, paths, now))
    if found:
        raise UnableToPublish(draft, found)


def _findings(
    creator: Creator, draft: Draft, facts: Mapping[str, Mapping[str, Any]], paths: Mapping[str, Path], now: datetime
) -> Iterator[Finding]:
    is_composition = draft.kind == COMPOSITION
    for path, said in facts.items():
        if said.get("kind") == COMPOSITION and not (is_composition and path == COMPOSITION_FILE):
            yield Finding("files", _NOT_HERE, {"path": path})
    if not is_composition:
        return
    content = {file.path for file in draft.files if file.role == "content"}
    missing = [path for path in (COMPOSITION_FILE, RECIPE_FILE) if path not in content]
    if facts.get(COMPOSITION_FILE, {}).get("kind") != COMPOSITION and not missing:
        missing = [COMPOSITION_FILE]
    for path in missing:
        yield Finding("files", _NO_FILE, {"path": path})
    if not missing:
        yield from _compared(creator, draft, facts[COMPOSITION_FILE], paths, now)


def _compared(
    creator: Creator, draft: Draft, facts: Mapping[str, Any], paths: Mapping[str, Path], now: datetime
) -> Iterator[Finding]:
    """Compares composition.json with its recipe, with recipe.txt and with the draft."""
    try:
        recipe = from_document(read_composition(paths[COMPOSITION_FILE].read_bytes())["recipe"])
        if paths[RECIPE_FILE].stat().st_size > MOST_RECIPE_BYTES:
            yield Finding(RECIPE_FILE, _TOO_LONG, {"path": RECIPE_FILE, "limit": MOST_RECIPE_BYTES})
            return
        text = read(paths[RECIPE_FILE].read_text(encoding="utf-8"))
    except UnreadableDocument as error:
        yield Finding(COMPOSITION_FILE, error.template, error.values)
        return
    except UnreadableRecipe as error:
        yield from (Finding(f"{RECIPE_FILE}: {one.where}", one.template, one.values) for one in error.findings)
        return
    if text != recipe:
        yield Finding(RECIPE_FILE, _OTHER_TEXT)
        return
    resolution = resolve(text, now=now)
    wrong = [Finding(f"{RECIPE_FILE}: {one.where}", one.template, one.values) for one in resolution.findings]
    for one in resolution.refs if not wrong else ():
        if one.release is not None and (one.ref.version, len(one.ref.path)) not in _exact(one.release.version):
            values = {"pack": one.name, "layer": one.layer, "exact": f"{one.release.pack}:{one.release.version}"}
            wrong.append(Finding(RECIPE_FILE, _NOT_EXACT, values))
    if wrong:
        yield from wrong
        return
    policy = policy_of(recipe)[0]
    if facts["policy"] != policy:
        yield Finding(COMPOSITION_FILE, _OTHER_POLICY, {"said": facts["policy"], "found": policy})
    packs = packs_of(resolution)
    rows = [one.plain() for one in packs]
    if facts["packs"] != rows:
        yield _first_difference(facts["packs"], rows)
        return
    yield from _owed(draft, packs)
    yield from _fees(facts, own_in(creator, resolution))


def _fees(facts: Mapping[str, Any], own: Mapping[str, str]) -> Iterator[Finding]:
    """Finds fees that nobody could be paid, and those that would take the others' part away."""
    if facts["fees"] and facts["currency"] not in CURRENCIES:
        yield Finding(COMPOSITION_FILE, CODES["fee-currency"], {"currencies": ", ".join(CURRENCIES)})
    for row in facts["fees"]:
        if row["release"] in own:
            yield Finding(COMPOSITION_FILE, CODES["fee-of-own"], {"release": own[row["release"]]})


def _exact(version: str) -> tuple[tuple[str, int], ...]:
    """Gives the forms of a ref that never reads otherwise: a pack, or an element of it, with its exact version."""
    return (version, 2), (version, 3)


def _first_difference(said: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> Finding:
    number = next(
        (place for place, (one, other) in enumerate(zip(said, found, strict=False)) if one != other),
        min(len(said), len(found)),
    )
    values = {
        "number": number,
        "said": _row_words(said[number]) if number < len(said) else _NOTHING,
        "found": _row_words(found[number]) if number < len(found) else _NOTHING,
    }
    return Finding(COMPOSITION_FILE, _OTHER_PACKS, values)


def _row_words(row: Mapping[str, Any]) -> str:
    element = f"/{row['element']}" if row["element"] else ""
    named = f"{row['layer']}: {row['pack']}@{row['version']}{element} {row['release'][:12]}"
    return f"“{named} × {row['weight_ppm']} ppm = {row['share_ppb']} ppb”"


def _owed(draft: Draft, packs: Sequence[Any]) -> Iterator[Finding]:
    """Compares what the draft owes to the releases that paint with what the policy gives them."""
    declared = {parent.reference: parent.share_ppb for parent in draft.derived_from}
    painting = {one.reference for one in packs}
    for parent in draft.derived_from:
        found = release_of(parent)
        if parent.reference not in painting and (found is None or found.pack.kind != COMPOSITION):
            text = _("%(release)s paints no layer of the composition: take it out, or let it paint one.")
            yield Finding("derived_from", text, {"release": parent.reference})
    if len({parent.mode for parent in draft.derived_from if parent.reference in painting}) > 1:
        text = _("Some sources of the composition have relative shares and some absolute ones: give all the same.")
        yield Finding("derived_from", text)
    given = parent_shares(packs, sum(share for name, share in declared.items() if name in painting))
    for name, share_ppb in given.items():
        values = {"release": name, "found": declared.get(name, 0), "share": share_ppb}
        if name not in declared:
            text = _("%(release)s paints a layer of the composition and is no source of it: name it in derived_from.")
            yield Finding("derived_from", text, values)
        elif declared[name] != share_ppb:
            text = _(
                "%(release)s has a share of %(found)s parts per billion, but of what sources get the recipe's policy"
                " gives it %(share)s."
            )
            yield Finding("derived_from", text, values)
