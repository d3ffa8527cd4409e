"""The words that terms may use. A word is never taken out or given another meaning: licenses that use it stand."""

from collections.abc import Mapping

# Each scale goes from nothing to everything; a word further right includes those left of it.
COMMERCIAL = ("none", "personal", "limited", "full")
DERIVATIVES = ("none", "private", "share")
AI_TRAINING = ("none", "own", "share")
REDISTRIBUTION = ("none", "in-product", "raw")
SCALES: Mapping[str, tuple[str, ...]] = {
    "commercial": COMMERCIAL,
    "derivatives": DERIVATIVES,
    "ai_training": AI_TRAINING,
    "redistribution": REDISTRIBUTION,
}
OUTPUT_OWNERS = ("licensee", "shared", "provider")
ROYALTY_BASES = ("revenue", "profit")

FIELDS = frozenset(
    {
        "advertising",
        "animation",
        "architecture",
        "comics",
        "education",
        "film",
        "game",
        "live-events",
        "merchandise",
        "music",
        "news",
        "personal",
        "publishing",
        "research",
        "social-media",
        "software",
        "television",
    }
)
"""What something is made for: fields of use."""

MEDIA = frozenset({"audio", "interactive", "print", "still-image", "text", "three-d", "video", "weights"})
"""What the result is: a picture, a film, a game, a trained model."""

BANNED = frozenset(
    {
        "adult-services",
        "animal-cruelty",
        "antisocial-hate",
        "automated-decisions",
        "crime",
        "deception",
        "defamation",
        "discrimination",
        "gambling",
        "generation-services",
        "harassment",
        "harm-to-minors",
        "impersonation",
        "law-enforcement",
        "medical-advice",
        "military",
        "nft",
        "political-religious",
        "privacy-violation",
        "sexual",
        "spam",
        "surveillance",
        "unlabeled-ai",
        "violent",
        "weapons",
    }
)
"""What terms may ban, and what a request says of itself."""

_COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA
GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS
MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW
TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
TERRITORIES = frozenset(_COUNTRIES.split())
"""Countries and areas by ISO 3166-1 alpha-2."""

SCOPES: Mapping[str, frozenset[str]] = {"territory": TERRITORIES, "fields": FIELDS, "media": MEDIA}
