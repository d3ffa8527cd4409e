"""The rule of each type: what an entry says, against all that was said before. Each raises Broken, or remembers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.law.findings import Broken
from ledger.law.signatures import Signed
from ledger.law.store import Store

NEXT_EVENTS: Mapping[str | None, tuple[str, ...]] = {
    None: ("opened",),
    "opened": ("countered", "accepted", "withdrawn", "upheld", "dismissed"),
    "countered": ("maintained", "accepted", "withdrawn", "upheld", "dismissed"),
    "maintained": ("accepted", "withdrawn", "upheld", "dismissed"),
}
"""The newest event of a claim → what may follow it; nothing follows the others, which end it."""

ORDER_SECONDS = 30 * 86_400
"""How long ago what is granted may have been ordered."""

FINAL_STATUSES = ("revoked", "superseded")
"""Nothing follows these statuses of a grant."""

_ABOUT = ("asset", "disputed", "evidence")


@dataclass(frozen=True, slots=True)
class Case:
    """An entry before the law: what it says and who signed it, in its place."""

    store: Store
    index: int
    version: int
    body: Mapping[str, Any]
    digest: str
    stated_at: int
    signers: Sequence[Signed]

    def signed_for(self, holder: str) -> bool:
        """Whether a creator's key of that holder signed; entries of version 1 had no signatures."""
        return self.version == 1 or any(one.use == "creators" and one.holder == holder for one in self.signers)

    def signed_by(self, kid: str) -> bool:
        """Whether that key signed."""
        return any(one.kid == kid for one in self.signers)

    def release(self) -> dict[str, Any]:
        """Return what is known of the release that the body names."""
        known: dict[str, Any] | None = self.store.get(f"release:{self.body['release']}")
        if known is None:
            raise Broken("unknown-release", f"no release {self.body['release']} precedes it")
        return known


# --- keys ------------------------------------------------------------------------------------------------
def register_key(case: Case) -> None:
    """A key proves that somebody holds it."""
    body = case.body
    # Key and signature of ML-DSA-44 do not fit into one entry: the log's key answers for it.
    vouched = body["alg"] == "ML-DSA-44" and any(one.use == "log" for one in case.signers)
    if case.version == 2 and not case.signed_by(body["kid"]) and not vouched:
        raise Broken("not-self-signed", f"the key {body['kid']} did not sign it")
    kept = {name: body[name] for name in ("alg", "use", "public_jwk", "holder") if name in body}
    case.store.set(f"key:{body['kid']}", kept)


def rotate_key(case: Case) -> None:
    """The old key and the new one both say so; the old one ends at `until`."""
    old, new = (case.store.get(f"key:{case.body[name]}") for name in ("kid", "next"))
    if old is None or new is None or "revoked" in old or "revoked" in new:
        raise Broken("rotation-of-unknown-key", "a key that it names is not registered before it, or is revoked")
    same = (old["use"], old.get("holder")) == (new["use"], new.get("holder"))
    if not same or case.body["kid"] == case.body["next"]:
        raise Broken("rotation-mismatch", "the next key has another use or holder, or is the same key")
    vouched = new["alg"] == "ML-DSA-44" and any(one.use == "log" for one in case.signers)
    if not (case.signed_by(case.body["kid"]) and (case.signed_by(case.body["next"]) or vouched)):
        raise Broken("not-signed-by-key", "a key that it names did not sign it")
    case.store.set(f"key:{case.body['kid']}", old | {"until": case.body["until"], "next": case.body["next"]})


def revoke_key(case: Case) -> None:
    """Whoever lost a key cannot sign with it, so another key of the holder may, and the log's."""
    key = case.store.get(f"key:{case.body['kid']}")
    if key is None:
        raise Broken("revocation-of-unknown-key", f"the key {case.body['kid']} is not registered before it")
    like = (key["use"], key.get("holder"))
    if not any(
        one.kid == case.body["kid"] or one.use == "log" or (one.use, one.holder) == like for one in case.signers
    ):
        raise Broken("not-signed-by-key", "neither the key, nor another of its holder, nor the log's key signed it")
    case.store.set(f"key:{case.body['kid']}", key | {"revoked": case.index})


# --- releases --------------------------------------------------------------------------------------------
def register_release(case: Case) -> None:
    """Its creator says so, and has the pack's name."""
    body, pack = case.body, f"pack:{case.body['pack']}"
    if not case.signed_for(body["creator"]):
        raise Broken("not-signed-by-creator", f"no key of its creator {body['creator']} signed it")
    owners = case.store.get(pack) or []
    if owners and body["creator"] not in owners:
        raise Broken("pack-of-another", f"{body['pack']} is not {body['creator']}'s")
    if not owners:
        case.store.set(pack, [body["creator"]])
    release = {"owner": body["creator"], "made_owner_by": case.digest, "pack": body["pack"], "down": False}
    case.store.set(f"release:{body['release']}", release)


def transfer(case: Case) -> None:
    """The owner gives it to another who takes it."""
    body, release = case.body, case.release()
    if body["owner"] != release["owner"] or body["new_owner"] == body["owner"]:
        raise Broken("transfer-by-another", f"the owner is {release['owner']}")
    if body["previous"] != release["made_owner_by"]:
        raise Broken("transfer-replayed", f"the owner became it by the entry {release['made_owner_by']}")
    if not (case.signed_for(body["owner"]) and case.signed_for(body["new_owner"])):
        raise Broken("not-signed-by-both", "a key of the old owner or one of the new owner did not sign it")
    moved = release | {"owner": body["new_owner"], "made_owner_by": case.digest}
    case.store.set(f"release:{body['release']}", moved)
    owners = case.store.get(f"pack:{release['pack']}") or []
    if body["new_owner"] not in owners:
        case.store.set(f"pack:{release['pack']}", [*owners, body["new_owner"]])


def take_down(case: Case) -> None:
    """Down, then restored, in turn."""
    body, release = case.body, case.release()
    if "claim" in body and not case.store.knows(f"claim:{body['claim']}"):
        raise Broken("unknown-claim", f"no claim {body['claim']} precedes it")
    down = body["status"] == "taken-down"
    if down == release["down"]:
        raise Broken("takedown-out-of-order", f"the release is {body['status']} already")
    case.store.set(f"release:{body['release']}", release | {"down": down, "changed_at": case.stated_at})


def state_token(case: Case) -> None:
    """A release may become a token whose royalties go to a split that everybody can read, and while it is sold."""
    body, release = case.body, case.release()
    if not case.store.knows(f"once:split:split:{body['split']}"):
        raise Broken("token-of-unknown-split", f"no split {body['split']} precedes it")
    if release["down"]:
        raise Broken("token-while-taken-down", "its release is taken down")
    if case.signers:
        raise Broken("token-signed", "the contract knows these bytes without signatures alone")


# --- licenses --------------------------------------------------------------------------------------------
def make_offer(case: Case) -> None:
    """The owner offers."""
    body, release = case.body, case.release()
    if not case.signed_for(release["owner"]):
        raise Broken("not-signed-by-owner", f"no key of the owner {release['owner']} signed it")
    case.store.set(f"offer:{body['offer']}", {"release": body["release"], "terms": body["terms"]})


def _owners_offer(case: Case) -> dict[str, Any]:
    """Return what is known of the offer that the body names, which the owner speaks of."""
    offer: dict[str, Any] | None = case.store.get(f"offer:{case.body['offer']}")
    if offer is None:
        raise Broken("unknown-offer", f"no offer {case.body['offer']} precedes it")
    owner = case.store.get(f"release:{offer['release']}")["owner"]
    if not case.signed_for(owner):
        raise Broken("not-signed-by-owner", f"no key of the owner {owner} signed it")
    return offer


def price_offer(case: Case) -> None:
    """The owner gives an offer that is still sold another price."""
    offer = _owners_offer(case)
    if "withdrawn" in offer:
        raise Broken("price-of-withdrawn-offer", f"its offer was withdrawn in leaf {offer['withdrawn']}")


def withdraw_offer(case: Case) -> None:
    """The owner withdraws."""
    offer = _owners_offer(case)
    case.store.set(f"offer:{case.body['offer']}", offer | {"withdrawn": case.index, "withdrawn_at": case.stated_at})


def make_grant(case: Case) -> None:
    """What is granted was offered, under these terms, and still is, or was when it was ordered not long ago.

    A license that is passed on needs no more than the one that it replaces.
    """
    body, release = case.body, case.release()
    offer = case.store.get(f"offer:{body['offer']}")
    if offer is None:
        raise Broken("unknown-offer", f"no offer {body['offer']} precedes it")
    if (offer["release"], offer["terms"]) != (body["release"], body["terms"]):
        raise Broken("grant-mismatch", f"its offer is of release {offer['release']} under terms {offer['terms']}")
    ordered_at = body.get("ordered_at", case.stated_at)
    if not case.stated_at - ORDER_SECONDS <= ordered_at <= case.stated_at:
        raise Broken("grant-of-no-order", f"its order is of {ordered_at}, the grant of {case.stated_at}")
    if not _is_passed_on(case):
        if "withdrawn" in offer and not ("ordered_at" in body and ordered_at <= offer["withdrawn_at"]):
            raise Broken("grant-of-withdrawn-offer", f"its offer was withdrawn in leaf {offer['withdrawn']}")
        if release["down"] and not ("ordered_at" in body and ordered_at <= release["changed_at"]):
            raise Broken("grant-while-taken-down", "its release is taken down")
    case.store.set(f"grant:{body['grant']}", "active")
    case.store.set(f"granted:{body['grant']}", {name: body[name] for name in ("release", "terms")})


def _is_passed_on(case: Case) -> bool:
    """Whether a grant takes the place of one that stands, of the same release under the same terms."""
    body = case.body
    if "replaces" not in body:
        return False
    status = case.store.get(f"grant:{body['replaces']}")
    if status is None:
        raise Broken("unknown-grant", f"no grant {body['replaces']} precedes it, which it replaces")
    same = case.store.get(f"granted:{body['replaces']}") == {name: body[name] for name in ("release", "terms")}
    return same and status not in FINAL_STATUSES


def set_status(case: Case) -> None:
    """Revoked and superseded are for good."""
    status = case.store.get(f"grant:{case.body['grant']}")
    if status is None:
        raise Broken("unknown-grant", f"no grant {case.body['grant']} precedes it")
    if status in FINAL_STATUSES:
        raise Broken("status-after-revocation", f"the grant was {status}")
    case.store.set(f"grant:{case.body['grant']}", case.body["status"])


def follow_claim(case: Case) -> None:
    """Opened, answered, ended, and about the same throughout."""
    body, claim = case.body, case.store.get(f"claim:{case.body['claim']}")
    newest = claim["event"] if claim else None
    if body["event"] not in NEXT_EVENTS.get(newest, ()):
        raise Broken("claim-out-of-order", f"{body['event']} does not follow {newest or 'nothing'}")
    about = {name: body[name] for name in _ABOUT}
    if claim is not None and claim["about"] != about:
        raise Broken("claim-changed", f"it was opened about {claim['about']}")
    if not case.store.knows(f"once:asset:asset:{body['asset']}"):
        raise Broken("claim-of-unknown-asset", f"no asset {body['asset']} precedes it")
    if "release" in body:
        case.release()
    case.store.set(f"claim:{body['claim']}", {"event": body["event"], "about": about})


RULE_OF: Mapping[str, Callable[[Case], None]] = {
    "key": register_key,
    "key-rotation": rotate_key,
    "key-revocation": revoke_key,
    "release": register_release,
    "transfer": transfer,
    "takedown": take_down,
    "asset-token": state_token,
    "offer": make_offer,
    "offer-price": price_offer,
    "offer-withdrawal": withdraw_offer,
    "grant": make_grant,
    "grant-status": set_status,
    "claim": follow_claim,
}
"""The types whose entries depend on others. Splits, assets, statements, recipes, uses and policies stand alone."""
