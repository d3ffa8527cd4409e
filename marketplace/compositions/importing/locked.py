"""What a file names, held against the lock that it names. No query here."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from marketplace.catalog.models import Release
from marketplace.compositions.exports.painting import EMBEDDING, LOW_RANK
from marketplace.compositions.importing.claims import Claims
from marketplace.compositions.importing.matching import BY_LOCK, BY_RELEASE, Found, Matched
from marketplace.compositions.lockfile import Lock, LockedRef
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

_NOT_LOCKED = _("It names %(pack)s, which is not in the lock that it names.")
_NOT_LOADED = _("The workflow does not load %(pack)s, with which the lock that it names paints.")
_LOADED = LOW_RANK | {EMBEDDING}
"""What every workflow of a lock loads, or names in its words."""


def strangers(found: Matched, lock: Lock | None) -> Sequence[Found]:
    """This will give what was found that the lock does not have."""
    known = {ref.release for ref in lock.refs} if lock else set()
    return [one for one in found.found if one.release.digest not in known]


def against(found: Matched, lock: Lock, claims: Claims) -> Matched:
    """This will add what a file names beside its lock, and what its workflow would have to load and does not."""
    said = {release for _pack, release in claims.stated.packs} if claims.stated else set()
    beside = dict.fromkeys(str(one.release) for one in strangers(found, lock) if not said or one.release.digest in said)
    missing = dict.fromkeys(f"{ref.pack}@{ref.version}" for ref in _unloaded(found, lock, claims))
    told = [Words(_NOT_LOCKED, {"pack": pack}) for pack in beside]
    told += [Words(_NOT_LOADED, {"pack": pack}) for pack in missing]
    return replace(found, contradictions=(*found.contradictions, *told))


def _unloaded(found: Matched, lock: Lock, claims: Claims) -> Iterable[LockedRef]:
    """Gives what is not loaded; nothing can be said of a file that has no workflow."""
    if not claims.workflow.mentions:
        return
    loaded = {one.release.digest for one in found.found if one.evidence != BY_RELEASE}
    for layer in lock.painted:
        is_silent = layer is lock.style and dict(layer.options).get("strength") == 0
        for ref in () if is_silent else layer.refs:
            paints = ref.weight_ppm and not ref.service and any(file.network in _LOADED for file in ref.files)
            if paints and ref.release not in loaded:
                yield ref


def and_of_lock(found: Matched, releases: Iterable[Release | None]) -> Matched:
    """This will add those packs of the lock that nothing else names."""
    known = {one.release.pk for one in found.found}
    more = {one.pk: Found(one, BY_LOCK, str(one)) for one in releases if one is not None and one.pk not in known}
    return replace(found, found=(*found.found, *more.values()))
