"""The kit of a lock: everything that a render machine needs, in one zip (docs/formats/exports.md).

Models stand under the flat names that the workflows use, in the folders of ComfyUI; the certificates of the licenses
and the lock itself come along.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import rfc8785
from django.db import transaction
from django.utils.translation import gettext as _

import assets.queries
from marketplace.compositions.exports.forms import FORMS, Exported, UnableToExport, export
from marketplace.compositions.exports.painting import CHECKPOINT, EMBEDDING, LOW_RANK, mask_name
from marketplace.compositions.keeping import NotYourRecipe
from marketplace.compositions.lockfile import Lock, LockedFile
from marketplace.compositions.models import RecipeLock, RecipeMask
from marketplace.compositions.notation.document import from_document
from marketplace.compositions.notation.writing import write
from marketplace.compositions.queries import lock_in, unlicensed
from marketplace.licensing import operations, rules
from marketplace.licensing.archives import Stored, streamed
from marketplace.licensing.bundles import ERASED, NotDownloadable
from marketplace.licensing.models import Grant
from marketplace.people.models import Studio

KIT_VERSION = 1  # counts the changes that give other bytes for the same lock
FOLDERS: Mapping[str, str] = {
    **dict.fromkeys(LOW_RANK, "models/loras"),
    EMBEDDING: "models/embeddings",
    CHECKPOINT: "models/checkpoints",
}
OTHERS = "files"
README = """This kit holds what the recipe {digest} is rendered with.

  ComfyUI   put the folders "models" and "input" into ComfyUI's own, then either open workflows/comfyui.json,
            or send the workflow to a running one:
            curl -H "Content-Type: application/json" -d @workflows/comfyui-api.json http://127.0.0.1:8188/prompt
  others    workflows/ has the same recipe for other tools; what each of them loses stands below

Do not rename the model files: every picture names them, and by these names we tell what is owed to whom.
recipe.lock.json is the lock, whose SHA-256 is the recipe's id; recipe.txt the text that it was made from.
licenses/ has the certificate of each license (JWS); keys: {site}/.well-known/jwks.json

Packs
{packs}
"""


class NotRunnable(Exception):
    """Some packs of a lock have no license that holds now: `missing` are (layer, `creator/pack@version`)."""

    code = "recipe-not-runnable"

    def __init__(self, lock: RecipeLock, missing: Sequence[tuple[str, str]]) -> None:
        layer, pack = missing[0]
        text = _(
            "The layer “%(layer)s” has no license for %(pack)s that holds now: buy one, then lock the recipe again."
        )
        super().__init__(text % {"layer": layer, "pack": pack})
        self.lock, self.missing = lock, tuple(missing)


@dataclass(frozen=True)
class Kit:
    """A kit that is ready to be sent, and the licenses under which it is."""

    row: RecipeLock
    grants: Sequence[Grant]
    members: Mapping[str, bytes | Stored]

    @property
    def file_name(self) -> str:
        return f"worldloom-{self.row.digest[:12]}-kit.zip"

    @property
    def digest(self) -> str:
        """A name for the very bytes of the zip."""
        named = {
            name: rules.digest(content) if isinstance(content, bytes) else content.sha256
            for name, content in self.members.items()
        }
        return rules.digest(rfc8785.dumps({"kit": KIT_VERSION, "at": self.row.locked_at.isoformat(), "members": named}))

    def chunks(self) -> Iterator[bytes]:
        """This will give the bytes of the zip, in flat memory."""
        return streamed(self.members.items(), self.row.locked_at)


def kit_of(row: RecipeLock, *, studio: Studio, site: str, now: datetime) -> Kit:
    """This will gather a lock's kit, and see that its files are there: what can fail fails before the first byte.

    Raises NotYourRecipe to other studios, NotRunnable while a license is missing, ended, suspended or taken back,
    NotDownloadable when who holds one was erased, BlobMissing or BlobDamaged when storage lost a file. `record`
    notes that it was fetched.
    """
    if row.studio_id != studio.pk:
        raise NotYourRecipe(_("The recipe %s is of another studio.") % row.digest[:12])
    lock = lock_in(row)
    if missing := unlicensed(lock, now=now):
        raise NotRunnable(row, missing)
    grants = _grants(lock)
    files = {f"{FOLDERS.get(file.network, OTHERS)}/{file.name}": file for file in _files(lock)}
    for file in files.values():
        assets.queries.open_blob(file.sha256).close()
    members: dict[str, bytes | Stored] = {
        **_papers(row, lock, grants, site),
        **_masks(lock),
        **{path: Stored(file.sha256, file.size_bytes) for path, file in sorted(files.items())},
    }
    return Kit(row, grants, members)


@transaction.atomic
def record(kit: Kit, *, by: str, now: datetime) -> None:
    """This will note of each license that somebody fetched what it covers."""
    for grant in kit.grants:
        operations.record_download(grant=grant, by=by, now=now)


def _grants(lock: Lock) -> list[Grant]:
    wanted = dict.fromkeys(ref.grant for ref in lock.refs)
    found = Grant.objects.select_related("release__pack__creator").in_bulk(list(wanted))
    grants = {str(key): grant for key, grant in found.items()}
    for grant in grants.values():
        if not grant.certificate:
            raise NotDownloadable(grant, ERASED)
    return [grants[key] for key in wanted]


def _files(lock: Lock) -> list[LockedFile]:
    """Gives each file once; what only describes a provider's service paints nowhere else."""
    return list({file.name: file for ref in lock.refs if not ref.service for file in ref.files}.values())


def _papers(row: RecipeLock, lock: Lock, grants: Sequence[Grant], site: str) -> dict[str, bytes]:
    """Everything but models and masks."""
    exported = list(_exports(lock, site))
    papers = {f"workflows/{one.form.file}": one.data for one in exported}
    papers |= {f"licenses/{grant.pk}.jws": grant.certificate.encode() for grant in grants}
    return {
        "README.txt": _readme(row, lock, exported, site).encode(),
        "recipe.lock.json": bytes(row.document),
        "recipe.txt": write(from_document(lock.recipe)).encode(),
        **dict(sorted(papers.items())),
    }


def _exports(lock: Lock, site: str) -> Iterator[Exported]:
    """Writes the lock in all forms that can carry it."""
    for name in FORMS:
        try:
            yield export(lock, name, site=site)
        except UnableToExport:
            continue


def _readme(row: RecipeLock, lock: Lock, exported: Sequence[Exported], site: str) -> str:
    packs = [
        f"  {layer.label}: {ref.pack}@{ref.version}, license {ref.grant}"
        for layer in lock.painted
        for ref in layer.refs
    ]
    lines = [README.format(digest=row.digest, site=site, packs="\n".join(packs) or "  none")]
    for one in exported:
        said = [str(words) for words in (*one.form.lost, *one.lost, *one.notes)]
        lines.append(f"workflows/{one.form.file} ({one.fidelity})")
        lines += [f"  {sentence}" for sentence in said]
    return "\n".join(lines) + "\n"


def _masks(lock: Lock) -> dict[str, bytes | Stored]:
    """Gives the masks that were given, under the names that the workflows have for them."""
    wanted = {layer.mask_sha256: mask_name(layer) for layer in lock.painted if layer.mask_sha256}
    found = RecipeMask.objects.in_bulk(list(wanted))
    return {f"input/{name}": bytes(found[sha256].png) for sha256, name in wanted.items() if sha256 in found}
