"""What the contracts are for, and who holds a role in them, in the words of the page about the chain."""

from django.utils.translation import gettext_lazy

from marketplace.ui.formats import Names

PURPOSES: Names = {
    "ProvenanceAnchor": gettext_lazy(
        "Keeps the roots of the public log. What stands under an anchored root was there before that block, whatever "
        "we say later."
    ),
    "Payees": gettext_lazy(
        "Says which wallet belongs to which creator. A first wallet counts a day after it is bound; then only that "
        "wallet moves it."
    ),
    "SplitVault": gettext_lazy(
        "Holds what was earned on chain and divides it as the split says. Each payee takes out their own part, and "
        "nobody else's."
    ),
    "RoyaltyReceiverFactory": gettext_lazy(
        "Gives each split an address that other marketplaces can pay royalties to; what comes there goes to the split."
    ),
    "AssetToken": gettext_lazy(
        "Makes a release a token (ERC-721), when its owner wants one, from its entry in the log."
    ),
    "PayoutDistributor": gettext_lazy(
        "Pays any number of creators by one root. It has the money from the start, counts a day later, and can be "
        "vetoed until then."
    ),
    "LicenseMarket": gettext_lazy(
        "Sells licenses to wallets. Each sale becomes a license here, with a certificate like any other."
    ),
    "ClaimBook": gettext_lazy(
        "Keeps claims against a token, with a bond of both sides. A claim freezes nobody's money."
    ),
}
ROLES: Names = {
    "admin": gettext_lazy("Admin: names the other roles, after a delay"),
    "guardian": gettext_lazy("Guardian: pauses for a week at most, and vetoes payout roots"),
    "treasury": gettext_lazy("Treasury: receives the marketplace's fee"),
    "anchorer": gettext_lazy("Anchorer: adds roots of the log"),
    "keeper": gettext_lazy("Keeper: stops token entries that a transfer has overtaken"),
    "registrar": gettext_lazy("Registrar: binds a creator's first wallet, together with the wallet"),
    "settler": gettext_lazy("Settler: proposes payout roots, with the money"),
    "offers": gettext_lazy("Offers: signs what is for sale on chain"),
    "arbiter": gettext_lazy("Arbiter: decides claims"),
}
