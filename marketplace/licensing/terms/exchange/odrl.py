"""ODRL 2.2 (W3C Recommendation) as JSON-LD, with a profile for what it has no word for; written, never read."""

import json
from collections.abc import Iterable
from typing import Any

from marketplace.licensing.terms.document import digest_of
from marketplace.licensing.terms.exchange.base import Exported
from marketplace.licensing.terms.model import EVERYTHING, UNLIMITED_DAYS, UNLIMITED_DEPTH, UNLIMITED_SEATS, Scope, Terms

FORM = "odrl"
CONTEXT = "http://www.w3.org/ns/odrl.jsonld"
PROFILE = "urn:worldloom:odrl:2"
OURS = f"{PROFILE}:"
CC = "http://creativecommons.org/ns#"
XSD = "http://www.w3.org/2001/XMLSchema#"
_INDUSTRY, _MEDIA, _PLACE = "industry", "media", "spatial"

Rule = dict[str, Any]


def write(terms: Terms, subject: str, language: str) -> Exported:
    """Return the terms as a policy of the type Set about `subject`; all dimensions are in it, so that nothing is lost.

    Prohibitions win over permissions, and what is not permitted is prohibited where ODRL has an action for it.
    """
    policy: dict[str, Any] = {
        "@context": [
            CONTEXT,
            {"wl": OURS, "cc": CC, "dct": "http://purl.org/dc/terms/", "xsd": XSD, "rdf": _RDF},
        ],
        "@type": "Set",
        "uid": f"urn:worldloom:terms:{digest_of(terms)}",
        "profile": PROFILE,
        "conflict": "prohibit",
        "dct:title": terms.name,
        "target": subject or "urn:worldloom:unnamed",
        "wl:exclusive": terms.exclusive,
        "wl:outputOwner": {"@id": f"wl:{terms.output_owner}"},
    }
    permissions, prohibitions = _rules(terms)
    if permissions:
        policy["permission"] = permissions
    policy["prohibition"] = prohibitions
    return Exported(json.dumps(policy, ensure_ascii=False, indent=2), "application/ld+json", (), FORM)


_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def _rules(terms: Terms) -> tuple[list[Rule], list[Rule]]:
    if terms.allows_nothing:
        # A list of places, fields or media that is empty says nothing in JSON-LD, and would permit everything.
        return [], [{"action": "use"}]
    rules = {
        "reproduce": [],
        "present": [],
        "cc:CommercialUse": _commercial(terms),
        "derive": _shared(terms.derivatives),
        "wl:train": _shared(terms.ai_training),
        "distribute": _passed_on(terms.redistribution),
        "grantUse": _sublicense(terms),
        "transfer": [] if terms.transferable else None,
    }
    always = _constraints(terms)
    permissions: list[Rule] = []
    prohibitions: list[Rule] = []
    for action, constraints in rules.items():
        if constraints is None:
            prohibitions.append({"action": action})
            continue
        permission: Rule = {"action": action}
        if always or constraints:
            permission["constraint"] = [*always, *constraints]
        if duties := _duties(terms, action):
            permission["duty"] = duties
        permissions.append(permission)
    if terms.banned:
        purposes = [{"@id": f"wl:banned:{word}"} for word in sorted(terms.banned)]
        prohibitions.append({"action": "use", "constraint": [_constraint("purpose", "isAnyOf", purposes)]})
    return permissions, prohibitions


def _constraints(terms: Terms) -> list[Rule]:
    """Returns what holds for every permission."""
    found = [
        *_scope(_PLACE, terms.territory, lambda code: code),
        *_scope(_INDUSTRY, terms.fields, lambda code: {"@id": f"wl:field:{code}"}),
        *_scope(_MEDIA, terms.media, lambda code: {"@id": f"wl:medium:{code}"}),
    ]
    if terms.starts:
        found.append(_constraint("dateTime", "gteq", {"@value": terms.starts, "@type": "xsd:date"}))
    if terms.ends:
        found.append(_constraint("dateTime", "lteq", {"@value": terms.ends, "@type": "xsd:date"}))
    if terms.duration_days != UNLIMITED_DAYS:
        length = {"@value": f"P{terms.duration_days}D", "@type": "xsd:duration"}
        found.append(_constraint("elapsedTime", "lteq", length))
    if terms.seats != UNLIMITED_SEATS:
        found.append(_constraint("wl:seats", "lteq", terms.seats))
    return found


def _scope(operand: str, scope: Scope, written: Any) -> Iterable[Rule]:
    if scope != EVERYTHING:
        yield _constraint(
            operand, "isNoneOf" if scope.all_but else "isAnyOf", [written(c) for c in sorted(scope.codes)]
        )


def _constraint(left: str, operator: str, right: Any) -> Rule:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def _commercial(terms: Terms) -> list[Rule] | None:
    match terms.commercial:
        case "none":
            return None
        case "personal":
            return [_constraint("recipient", "eq", {"@id": "wl:person"})]
        case "limited":
            cap = _constraint("wl:annualRevenue", "lteq", terms.revenue_cap_usd)
            return [cap | {"unit": "urn:iso:std:iso:4217:USD"}]
    return []


def _shared(level: str) -> list[Rule] | None:
    """Returns the limits of making something of it: for oneself, or also to share."""
    return {"none": None, "private": [_OWN], "own": [_OWN], "share": []}[level]


_OWN = _constraint("wl:sharing", "eq", {"@id": "wl:none"})


def _passed_on(level: str) -> list[Rule] | None:
    return {"none": None, "in-product": [_constraint("wl:form", "eq", {"@id": "wl:in-product"})], "raw": []}[level]


def _sublicense(terms: Terms) -> list[Rule] | None:
    if terms.sublicense_depth == 0:
        return None
    if terms.sublicense_depth == UNLIMITED_DEPTH:
        return []
    return [_constraint("wl:sublicenseDepth", "lteq", terms.sublicense_depth)]


def _duties(terms: Terms, action: str) -> list[Rule]:
    """Returns what is owed for an action."""
    found: list[Rule] = []
    if terms.approval_required:
        found.append({"action": "obtainConsent"})
    if terms.credit_required:
        line = [_constraint("wl:creditLine", "eq", terms.credit_line)] if terms.credit_line else []
        found.append(_refined("attribute", line))
    if action in ("derive", "wl:train") and terms.share_alike:
        found.append(_refined("cc:ShareAlike", [_constraint("wl:shareAlike", "eq", terms.share_alike)]))
    if action == "derive" and terms.royalty_ppb:
        share = [
            _constraint("wl:royaltyPpb", "eq", terms.royalty_ppb),
            _constraint("wl:royaltyBasis", "eq", {"@id": f"wl:{terms.royalty_basis}"}),
        ]
        found.append(_refined("compensate", share))
    return found


def _refined(action: str, refinement: list[Rule]) -> Rule:
    if not refinement:
        return {"action": action}
    name = action if ":" in action else f"http://www.w3.org/ns/odrl/2/{action}"
    return {"action": [{"rdf:value": {"@id": name}, "refinement": refinement}]}
