"""Questions about the platform's keys: which signs for a use now, which did, and whether a signature counts.

Two sources answer together. The adapters (ledger/signing/) hold keys; the log says which follows which and which
is revoked. So a rotation takes effect in every process when its entry is committed, and nothing else must move.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from django.conf import settings
from django.db.models import BinaryField, BooleanField, Func, Value
from django.utils.module_loading import import_string

from ledger.log.checkpoint import VerifierKey
from ledger.models import Entry, Leaf
from ledger.signing.base import ALGORITHM_OF, OPTIONAL_USES, Keys, Signer, UnableToLoadKey, Use

_SAID = ("key", "key-revocation", "key-rotation")


@dataclass(frozen=True, slots=True)
class Former:
    """A key that another one followed, and the date until which it signs checkpoints too."""

    signer: Signer
    until: datetime
    is_revoked: bool


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one use that are here. `former` is those that `current` follows, the newest first.

    `entry` registers `current`, None while the log has not heard of it; `upcoming` are here and follow nobody yet.
    """

    use: Use
    current: Signer
    entry: Entry | None
    is_revoked: bool
    former: tuple[Former, ...]
    upcoming: tuple[Signer, ...]


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """Whether what a key signed counts at an index of the log; `use` is empty when the key is unknown there.

    `revoked_at_index` is that of the revocation, wherever it stands, None while there is none in the log.
    """

    verdict: Literal["valid", "revoked", "unknown"]
    use: str = ""
    revoked_at_index: int | None = None
    reason: str = ""


def adapter_name(use: Use) -> str:
    """Return the dotted name of the adapter that holds the keys of the use."""
    return settings.KEYS_OF_USE.get(use) or settings.ADAPTERS["keys"]


def keys(use: Use) -> Keys:
    """Return the adapter that holds the keys of the use."""
    found: Keys = import_string(adapter_name(use))()
    return found


def key_uses() -> list[Use]:
    """Return the uses that this house has keys for, sorted: all but those that no adapter of its has."""
    return sorted(use for use in ALGORITHM_OF if use not in OPTIONAL_USES or keys(use).offers(use))


def rings(uses: Iterable[Use]) -> dict[Use, Ring]:
    """Return the ring of each use; one query. UnableToLoadKey when a key is unusable or not here."""
    held = {use: keys(use).signers(use) for use in uses}
    subjects = {f"key:{one.kid}" for signers in held.values() for one in signers}
    said = {
        (entry.type, entry.subject.removeprefix("key:")): entry
        for entry in Entry.objects.filter(type__in=_SAID, subject__in=subjects)
    }
    return {use: _ring(use, signers, said) for use, signers in held.items()}


def ring(use: Use) -> Ring:
    """Return the ring of the use; see `rings`."""
    return rings([use])[use]


def signer(use: Use) -> Signer:
    """Return the signer whose key signs for `use` now; UnableToLoadKey when it is unusable, or revoked."""
    return _unrevoked(ring(use))


def signer_if_any(use: Use) -> Signer | None:
    """Return the signer whose key signs for `use` now, None where it has no keys, or a revoked one that none followed.

    For what is worth having and not worth stopping for. UnableToLoadKey when the key is there and unusable.
    """
    if not keys(use).offers(use):
        return None
    found = ring(use)
    return None if found.is_revoked else found.current


def log_signers(*, now: datetime) -> list[tuple[VerifierKey, Callable[[bytes], bytes]]]:
    """Return what signs checkpoints now, as sign_checkpoint takes it: the current key, then those it rotated from.

    One that is revoked, whose date is over, or that is here no longer signs no more.
    """
    found = ring("log")
    both = [_unrevoked(found), *(one.signer for one in found.former if one.until > now and not one.is_revoked)]
    return [(_verifier_key(one), one.sign) for one in both]


def log_keys() -> list[VerifierKey]:
    """Return the public keys under which our newest checkpoint may be signed: the current one first."""
    found = ring("log")
    return [_verifier_key(one) for one in (found.current, *(one.signer for one in found.former))]


def key_standing(kid: str, at_index: int) -> KeyStanding:
    """Return whether a signature by the key counts that the log has at that leaf index.

    It does when the key's own entry is not behind that index, and its revocation is.
    """
    found = Leaf.objects.filter(entry__type__in=("key", "key-revocation"), entry__subject=f"key:{kid}")
    at = {leaf.entry.type: leaf for leaf in found.select_related("entry")}
    if "key" not in at or at["key"].index > at_index:
        return KeyStanding("unknown")
    use = str(at["key"].entry.statement["use"])
    if "key-revocation" not in at:
        return KeyStanding("valid", use)
    end = at["key-revocation"]
    verdict: Literal["valid", "revoked"] = "valid" if at_index < end.index else "revoked"
    return KeyStanding(verdict, use, end.index, str(end.entry.statement["reason"]))


def public_keys(use: Use) -> list[dict[str, str]]:
    """Return the JWKs (RFC 7517, with `kid` and `alg`) of all keys of the use that are not revoked, oldest first.

    It looks through the entries of all keys, creators' too: cache what it returns.
    """
    has_use = Func(
        Value(f'"use":"{use}"'.encode(), output_field=BinaryField()),
        template="position(%(expressions)s in body) > 0",
        output_field=BooleanField(),
    )
    stated = Entry.objects.filter(has_use, type="key").order_by("id")
    # Base64url and the other fields cannot hold the quotes of what was looked for.
    bodies = [entry.statement for entry in stated]
    subjects = [f"key:{body['kid']}" for body in bodies]
    ended = set(Entry.objects.filter(type="key-revocation", subject__in=subjects).values_list("subject", flat=True))
    return [
        {**body["public_jwk"], "kid": body["kid"], "alg": body["alg"]}
        for body in bodies
        if f"key:{body['kid']}" not in ended
    ]


def _unrevoked(found: Ring) -> Signer:
    if found.is_revoked:
        advice = f"begin another with `manage.py ledger_key rotate --use {found.use}`"
        raise UnableToLoadKey(found.use, f"it is revoked: {advice}")
    return found.current


def _verifier_key(signer: Signer) -> VerifierKey:
    return VerifierKey(settings.LOG_ORIGIN, signer.public_key.public_bytes_raw())  # type: ignore[union-attr]


def _ring(use: Use, signers: Sequence[Signer], said: Mapping[tuple[str, str], Entry]) -> Ring:
    held = {one.kid: one for one in signers}
    for kid in held:
        entry = said.get(("key", kid))
        if entry is not None and entry.statement["use"] != use:
            raise UnableToLoadKey(use, f"{kid} is registered for {entry.statement['use']}, and each use has its own")
    ended = {kid for kid in held if ("key-revocation", kid) in said}
    rotations = {kid: said["key-rotation", kid].statement for kid in held if ("key-rotation", kid) in said}
    kid = _follow(use, signers[0].kid, held, rotations)
    if kid in ended:
        # What follows a revoked key has no rotation that counts: it is the first that was registered since.
        fresh = [one for one in held if one not in ended and one not in rotations and ("key", one) in said]
        kid = fresh[0] if fresh else kid
    before: list[Former] = []
    following = kid
    while found := next((one for one, body in rotations.items() if body["next"] == following), None):
        until = datetime.fromtimestamp(rotations[found]["until"], UTC)
        before.append(Former(held[found], until, found in ended))
        following = found
    upcoming = [one for one in held if one != kid and ("key", one) not in said]
    return Ring(
        use, held[kid], said.get(("key", kid)), kid in ended, tuple(before), tuple(held[one] for one in upcoming)
    )


def _follow(use: Use, kid: str, held: Mapping[str, Signer], rotations: Mapping[str, Mapping[str, str]]) -> str:
    """Return the key at the end of the rotations from `kid` on."""
    for _step in range(len(rotations) + 1):
        if kid not in rotations:
            return kid
        kid = rotations[kid]["next"]
        if kid not in held:
            raise UnableToLoadKey(use, f"the log says that {kid} signs now, and it is not here: bring it here first")
    raise UnableToLoadKey(use, "its rotations lead in a circle")
