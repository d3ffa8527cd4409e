"""Addresses of the storefront."""

from django.urls import include, path, re_path

from marketplace.storefront.views import (
    browse,
    certificate,
    chain,
    chain_buy,
    checkout,
    content_credentials,
    credentials,
    home,
    licenses,
    log,
    media,
    order_pay,
    pack,
    papers,
    payout_roots,
    preferences,
    releases,
    verify,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("browse", browse.browse, name="browse"),
    path("packs/<slug:creator>/<slug:pack>", pack.pack, name="pack"),
    path("creators/<slug:handle>", browse.creator, name="creator"),
    path("checkout", checkout.checkout, name="checkout"),
    path("checkout/quote", checkout.quote, name="checkout-quote"),
    path("orders/<uuid:order>/pay", order_pay.order_pay, name="order-pay"),
    path("sandbox/bank/<slug:reference>", order_pay.sandbox_bank, name="sandbox-bank"),
    path("offers/<uuid:offer>/chain", chain_buy.buy, name="buy-on-chain"),
    path("offers/<uuid:offer>/chain/prepare", chain_buy.prepare, name="prepare-on-chain"),
    path("bought-on-chain", chain_buy.bought, name="bought-on-chain"),
    re_path(r"^terms/(?P<digest>[0-9a-f]{64})$", licenses.terms, name="terms"),
    path("verify", verify.verify, name="verify"),
    path("verify/certificate", certificate.certificate, name="verify-certificate"),
    path("certificates/<uuid:grant>", certificate.page, name="certificate-page"),
    path("licenses/<uuid:grant>/certificate.pdf", papers.certificate_pdf, name="certificate-pdf"),
    path("licenses/<uuid:grant>/certificate.jws", papers.certificate_jws, name="certificate-jws"),
    path("projects/<uuid:project>/credits.<str:form>", papers.credits, name="credits"),
    path("verify.py", log.source, name="source"),
    path("verify.sh", log.source_sh, name="source-sh"),
    path("verify_royalty.py", log.source_royalty, name="source-royalty"),
    path(".well-known/jwks.json", credentials.key_set, name="jwks"),
    re_path(r"^keys/(?P<kid>[A-Za-z0-9_-]{43})\.pem$", credentials.key, name="key"),
    re_path(
        r"^credentials/(?P<authority>platform|creators)-roots\.pem$", content_credentials.roots, name="credential-roots"
    ),
    path("credentials/license/v<int:version>", credentials.license_context, name="license-context"),
    path("credentials/status/<slug:purpose>/<int:number>", credentials.status_list, name="status-list"),
    # Where a token's URI leads: its prefix is fixed in the contract, so this address stays.
    re_path(r"^releases/(?P<digest>[0-9a-f]{64})$", releases.release, name="release"),
    re_path(r"^releases/(?P<digest>[0-9a-f]{64})\.json$", releases.token, name="release-token"),
    re_path(
        r"^releases/(?P<digest>[0-9a-f]{64})/model\.sigstore\.json$",
        credentials.model_signature,
        name="model-signature",
    ),
    path("log/trusted-root.json", credentials.trusted_root, name="trusted-root"),
    path("log/", log.log, name="log"),
    path("chain", chain.chain, name="chain"),
    path("chain/payouts/<int:root>.json", payout_roots.payout_root, name="payout-root"),
    path("log/checkpoint", log.checkpoint, name="log-checkpoint"),
    path("log/policy", log.policy, name="log-policy"),
    # c2sp.org/tlog-tiles: a level or "entries", the number in groups of three digits, the width of a partial tile.
    re_path(
        r"^log/tile/(?P<path>(?:entries|[0-9]{1,2})/(?:x[0-9]{3}/){0,6}[0-9]{3}(?:\.p/[0-9]{1,3})?)$",
        log.tile,
        name="log-tile",
    ),
    path("log/lookup/<path:key>", log.lookup, name="log-lookup"),
    re_path(r"^media/(?P<sha256>[0-9a-f]{64})\.webp$", media.preview, name="preview"),
    re_path(
        r"^media/(?P<sha256>[0-9a-f]{64})\.avif$", media.preview, {"media_type": "image/avif"}, name="preview-avif"
    ),
    path("set-theme", preferences.set_theme, name="set-theme"),
    path("styleguide", preferences.style_guide, name="styleguide"),
    path("", include("marketplace.storefront.urls_recipes")),
    path("", include("marketplace.storefront.urls_licenses")),
    path("", include("marketplace.storefront.urls_account")),
]
