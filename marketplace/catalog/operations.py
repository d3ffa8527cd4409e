"""Every write about packs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from django.contrib.postgres.search import SearchVector
from django.db import IntegrityError, transaction
from django.db.models import Value

import ledger.operations
from assets.models import Asset
from assets.rules import paths_findings
from ledger.signing.base import Signer
from marketplace.catalog import manifests, rules
from marketplace.catalog.deriving import (
    Derived,
    absolute_findings,
    derived_of,
    manifest_division,
    sources_of,
)
from marketplace.catalog.deriving import release_of as release_of
from marketplace.catalog.models import Derivation, Element, Listing, Pack, Release, ReleaseAsset, TransferProposal
from marketplace.catalog.rules import Draft, Finding
from marketplace.payouts.divisions import Division
from marketplace.payouts.models import Split
from marketplace.payouts.operations import ensure_division
from marketplace.payouts.rules import TooManyPayees
from marketplace.people.models import Creator
from marketplace.people.rules import is_handle
from marketplace.ui.formats import sentence


class UnableToPublish(Exception):
    """The release was refused; `findings` say where and why, and nothing was written."""

    code = "release-refused"

    def __init__(self, draft: Draft, findings: Sequence[Finding]) -> None:
        self.draft, self.findings = draft, tuple(findings)
        super().__init__(" ".join(sentence(finding) for finding in self.findings))


def check(*, creator: Creator, draft: Draft) -> None:
    """This will raise UnableToPublish when anything but the bytes stands in the way; it writes nothing.

    Portals ask before they admit files, so that a refused draft leaves no file behind.
    """
    findings = rules.findings_in(draft)
    findings.extend(Finding("files", f.template, f.values) for f in paths_findings(file.path for file in draft.files))
    findings.extend(_of_another(creator, draft))
    findings.extend(_other_kind(creator, draft))
    findings.extend(_unknown_people(draft))
    derived = derived_of(draft)
    findings.extend(_unknown_parents(draft, derived))
    findings.extend(absolute_findings(derived))
    if findings:
        raise UnableToPublish(draft, findings)


def address_of(creator: Creator, draft: Draft) -> str:
    """This will name the pack that a draft is for: under its creator's name, whoever owns it now."""
    return f"{draft.of or creator.handle}/{draft.handle}"


def _pack(creator: Creator, draft: Draft) -> Pack | None:
    rows = Pack.objects.select_related("creator", "owner")
    return rows.filter(creator__handle=draft.of or creator.handle, handle=draft.handle).first()


def _of_another(creator: Creator, draft: Draft) -> Iterable[Finding]:
    pack = _pack(creator, draft)
    if pack is None and draft.of in ("", creator.handle):
        return
    if pack is None or pack.owner_id != creator.pk:
        text = rules.gettext_noop("The pack %(pack)s is not yours: only its owner publishes further versions.")
        yield Finding("handle", text, {"pack": address_of(creator, draft)[:90]})
    elif pack.transfer_proposals.filter(state=TransferProposal.State.OPEN).exists():
        text = rules.gettext_noop("The transfer of %(pack)s is proposed: withdraw that first, or wait for the answer.")
        yield Finding("handle", text, {"pack": str(pack)})


def _other_kind(creator: Creator, draft: Draft) -> Iterable[Finding]:
    pack = _pack(creator, draft)
    if pack is not None and pack.kind != draft.kind:
        text = rules.gettext_noop("%(pack)s is of the kind %(kind)s, which its versions share: use another handle.")
        yield Finding("kind", text, {"pack": str(pack), "kind": pack.kind})


def _unknown_people(draft: Draft) -> Iterable[Finding]:
    asked = [handle for handle in draft.split if is_handle(handle)]
    known = set(Creator.objects.filter(handle__in=asked).values_list("handle", flat=True))
    text = rules.gettext_noop("The split names %(creator)s, but no creator has that handle.")
    return [Finding("split", text, {"creator": handle[:60]}) for handle in draft.split if handle not in known]


def _unknown_parents(draft: Draft, derived: Sequence[Derived]) -> Iterable[Finding]:
    text = rules.gettext_noop("The parent %(parent)s is not published: name a release as creator/pack@1.0.0.")
    known = {str(one.release) for one in derived}
    for parent in draft.derived_from:
        if parent.reference not in known:
            yield Finding("derived_from", text, {"parent": parent.reference})


@transaction.atomic
def publish(
    *, creator: Creator, draft: Draft, files: Mapping[str, Asset], now: datetime, signer: Signer | None = None
) -> Release:
    """This will publish an immutable release made of admitted assets, fold its split, state the fact and list it.

    `files` maps every path of the draft to its asset. The fact is signed by `signer`, or else by the creator's
    key that is kept here; UnableToSignFor when that cannot sign. Publishing the same content under the same version
    again returns the release that is there; other content under it is refused with UnableToPublish.
    """
    _hold_pack(creator, draft)
    check(creator=creator, draft=draft)
    _check_files(draft, files)
    derived = derived_of(draft)
    try:
        split, division = ensure_division(own=_own_shares(creator, draft), sources=sources_of(derived), now=now)
    except TooManyPayees as error:
        raise UnableToPublish(draft, [Finding("derived_from", error.template, error.values)]) from None
    manifest_at = _manifest_writer(creator, draft, files, derived, split, division)
    if published := _published(creator, draft):
        if bytes(published.manifest) == manifest_at(published.published_at):
            return published
        raise UnableToPublish(draft, [_taken(creator, draft)])
    manifest = manifest_at(now)
    if len(manifest) > manifests.MANIFEST_LIMIT_BYTES:
        text = rules.gettext_noop("The manifest would have %(size)s bytes, more than %(limit)s: shorten the texts.")
        values = {"size": len(manifest), "limit": manifests.MANIFEST_LIMIT_BYTES}
        raise UnableToPublish(draft, [Finding("files", text, values)])
    release = _write(creator, draft, files, manifest, (split, division), now)
    Derivation.objects.bulk_create(
        Derivation(release=release, parent=one.release, share_ppb=one.share_ppb, mode=one.mode) for one in derived
    )
    ledger.operations.state(
        type="release",
        subject=f"release:{release.digest}",
        body={
            "release": release.digest,
            "pack": address_of(creator, draft),
            "version": draft.version,
            "creator": str(creator.pk),
        },
        now=now,
        signers=[signer or ledger.operations.signer_of(creator=creator, now=now)],
    )
    ledger.operations.attest_release(
        release=release.digest,
        name=str(release),
        digests={file.path: files[file.path].blob_id for file in draft.files},
        now=now,
    )
    list_pack(pack=release.pack)
    return release


def _manifest_writer(
    creator: Creator,
    draft: Draft,
    files: Mapping[str, Asset],
    derived: Sequence[Derived],
    split: Split,
    division: Division | None,
) -> Callable[[datetime], bytes]:
    """Gives what writes the manifest for a moment of publication; all else in it is fixed by now."""
    assets = [
        manifests.ManifestAsset(
            path=file.path,
            sha256=files[file.path].blob_id,
            size_bytes=files[file.path].blob.size_bytes,
            media_type=files[file.path].media_type,
            role=file.role,
        )
        for file in draft.files
    ]
    named = [
        manifests.ManifestParent(
            one.release.digest, str(one.release.pack), one.release.version, one.share_ppb, one.mode
        )
        for one in derived
    ]
    divided = manifest_division(division)

    def manifest_at(moment: datetime) -> bytes:
        return manifests.manifest(
            draft,
            creator=draft.of or creator.handle,
            assets=assets,
            parents=named,
            split=split.digest,
            division=divided,
            published_at=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    return manifest_at


def _own_shares(creator: Creator, draft: Draft) -> dict[Creator, int]:
    if not draft.split:
        return {creator: rules.WHOLE_PPB}
    people = {person.handle: person for person in Creator.objects.filter(handle__in=draft.split)}
    return {people[handle]: share for handle, share in draft.split.items()}


def _hold_pack(creator: Creator, draft: Draft) -> None:
    """Keeps the pack with its owner for the rest of the transaction."""
    rows = Pack.objects.select_for_update(of=("self",), no_key=True)
    rows.filter(creator__handle=draft.of or creator.handle, handle=draft.handle).first()


def _published(creator: Creator, draft: Draft) -> Release | None:
    rows = Release.objects.filter(pack__creator__handle=draft.of or creator.handle, pack__handle=draft.handle)
    return rows.filter(version=draft.version).first()


def _taken(creator: Creator, draft: Draft) -> Finding:
    text = rules.gettext_noop("%(release)s is already published with other content: raise the version.")
    return Finding("version", text, {"release": f"{address_of(creator, draft)}@{draft.version}"})


def _check_files(draft: Draft, files: Mapping[str, Asset]) -> None:
    missing = rules.gettext_noop("The file %(path)s is listed but was not given.")
    findings = [Finding("files", missing, {"path": f.path}) for f in draft.files if f.path not in files]
    if draft.cover in files and not files[draft.cover].media_type.startswith("image/"):
        text = rules.gettext_noop("The cover %(path)s is not a picture: use PNG, JPEG, WebP or AVIF.")
        findings.append(Finding("cover", text, {"path": draft.cover}))
    if findings:
        raise UnableToPublish(draft, findings)


def _write(
    creator: Creator,
    draft: Draft,
    files: Mapping[str, Asset],
    manifest: bytes,
    divided: tuple[Split, Division | None],
    now: datetime,
) -> Release:
    """Writes the rows of a release; two publishers of one version are told apart by the database."""
    pack = _pack(creator, draft)
    if pack is None:
        pack, _made = Pack.objects.get_or_create(
            creator=creator, handle=draft.handle, defaults={"kind": draft.kind, "created_at": now}
        )
    try:
        with transaction.atomic():
            release = Release.objects.create(
                pack=pack,
                version=draft.version,
                digest=rules.digest(manifest),
                manifest=manifest,
                split=divided[0],
                division=divided[1],
                title=dict(draft.title),
                summary=dict(draft.summary),
                tags=list(draft.tags),
                base_model=draft.base_model,
                made_by=draft.made_by,
                ai_training=draft.ai_training,
                published_at=now,
            )
    except IntegrityError as error:
        raise UnableToPublish(draft, [_taken(creator, draft)]) from error
    ReleaseAsset.objects.bulk_create(
        ReleaseAsset(
            release=release,
            asset=files[file.path],
            position=position,
            path=file.path,
            role=file.role,
            is_cover=file.path == draft.cover,
        )
        for position, file in enumerate(draft.files)
    )
    Element.objects.bulk_create(
        Element(
            release=release,
            position=position,
            name=element.name,
            kind=element.kind,
            title=dict(element.title),
            triggers=list(element.triggers),
            paths=list(element.files),
        )
        for position, element in enumerate(draft.elements)
    )
    return release


@transaction.atomic
def list_pack(*, pack: Pack) -> Listing:
    """This will write anew how a pack is found, from its highest version."""
    release = max(pack.releases.prefetch_related("elements"), key=lambda r: rules.version_key(r.version))
    elements = list(release.elements.all())
    first = [
        *release.title.values(),
        pack.handle,
        pack.creator.handle,
        pack.creator.display_name,
        *release.tags,
    ]
    second = [title for element in elements for title in element.title.values()]
    second += [element.kind for element in elements] + [pack.kind, release.base_model]
    third = list(release.summary.values())
    listing, _made = Listing.objects.update_or_create(
        pack=pack,
        defaults={
            "release": release,
            "kind": pack.kind,
            "element_kinds": sorted({element.kind for element in elements}),
            "base_model": release.base_model,
            "ai_training": release.ai_training,
            "published_at": release.published_at,
        },
    )
    vectors = [
        SearchVector(
            Value(" ".join(rules.search_terms(" ".join(texts), single=single))),
            config="simple",
            weight=weight,
        )
        for texts, weight, single in ((first, "A", True), (second, "B", True), (third, "C", False))
    ]
    Listing.objects.filter(pk=pack.pk).update(search=vectors[0] + vectors[1] + vectors[2])
    return listing
