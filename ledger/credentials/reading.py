"""Reading credentials back: what a validator says of a picture under given roots."""

import json
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Literal

from ledger.credentials import trust

State = Literal["Trusted", "Valid", "Invalid", "none"]
_TRUSTED, _UNTRUSTED = "signingCredential.trusted", "signingCredential.untrusted"


@dataclass(frozen=True, slots=True)
class Reading:
    """`state` as C2PA names it, "none" where there is no manifest; the codes of what failed and held; the manifest."""

    state: State
    failures: frozenset[str] = frozenset()
    successes: frozenset[str] = frozenset()
    manifest: dict[str, Any] | None = None

    def assertion(self, label: str) -> Any:
        """Return what an assertion of the manifest says; None when it is not there."""
        listed = (self.manifest or {}).get("assertions", [])
        return next((one["data"] for one in listed if one["label"] == label), None)


def read_picture(*, picture: BinaryIO, media_type: str, platform_roots: str, creators_roots: str) -> Reading:
    """Return what the picture's credentials are worth under these roots; bytes that cannot be read are Invalid.

    c2pa-rs 0.91 lets roots for identities vouch for claims as well, so claims are judged once more without them.
    """
    both = _read(picture, media_type, platform_roots, creators_roots)
    if _TRUSTED not in both.successes or not creators_roots:
        return both
    return _less(both, _read(picture, media_type, platform_roots, ""))


def _less(both: Reading, claims: Reading) -> Reading:
    """Return the reading without the trust in the claim's signer that roots for identities gave."""
    if _TRUSTED in claims.successes:
        return both
    return replace(
        both,
        state="Valid" if both.state == "Trusted" else both.state,
        failures=both.failures | {_UNTRUSTED},
        successes=both.successes - {_TRUSTED},
    )


def _read(picture: BinaryIO, media_type: str, platform_roots: str, creators_roots: str) -> Reading:
    import c2pa

    picture.seek(0)
    context = trust.context_for(platform_roots=platform_roots, creators_roots=creators_roots)
    try:
        with c2pa.Reader(media_type, picture, context=context) as reader:
            said = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return Reading("none")
    except c2pa.C2paError as error:
        return Reading("Invalid", frozenset({str(error)}))
    results = said["validation_results"].get("activeManifest", {})
    return Reading(
        said["validation_state"],
        frozenset(one["code"] for one in results.get("failure", ())),
        frozenset(one["code"] for one in results.get("success", ())),
        said["manifests"][said["active_manifest"]],
    )
