"""One settings file: every default works on a laptop, every other value comes from the environment.

Names of variables and what they mean: docs/operate.md.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

import psycopg.conninfo

from marketplace.api.enum_names import ENUM_NAMES

HOME = Path(__file__).resolve().parent.parent
DATA_FOLDER = Path(os.environ.get("WORLDLOOM_DATA", HOME / ".data")).resolve()


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def _words(name: str, default: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def _content_of(name: str) -> str:
    """This will read the file that a variable names; nothing where it names none."""
    path = os.environ.get(name)
    return Path(path).read_text().strip() if path else ""


def _secret_key() -> str:
    """This will read the key from the environment, else from a file of mode 0600 made on first use."""
    if key := os.environ.get("WORLDLOOM_SECRET_KEY"):
        return key
    path = DATA_FOLDER / "keys" / "web-secret"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        # A link, unlike a rename, replaces nothing: several processes at once end with one key, and it is whole.
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    return path.read_text()


def _connection(url: str | None, *, owner: bool) -> dict[str, Any]:
    """This will describe a URL, or without one the embedded PostgreSQL of the data folder, as its owner or not."""
    if url:
        parts: dict[str, Any] = dict(psycopg.conninfo.conninfo_to_dict(url))
    else:
        from embedded.postgres import APPLICATION, PORT, USER, socket_folder_of

        parts = {
            "host": str(socket_folder_of(DATA_FOLDER / "postgres")),
            "port": PORT,
            "user": USER if owner else APPLICATION,
            "dbname": "worldloom",
        }
    known = {"dbname", "user", "password", "host", "port"}
    return {
        "NAME": parts.get("dbname", "worldloom"),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "")),
        "OPTIONS": {name: value for name, value in parts.items() if name not in known},
    }


def _database() -> dict[str, Any]:
    """This will describe DATABASE_URL: the role that web, workers and commands run as."""
    described = _connection(os.environ.get("DATABASE_URL"), owner=False)
    if _flag("WORLDLOOM_DATABASE_POOL"):
        described["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 6, "timeout": 10}
    return described | {
        "ENGINE": "django.db.backends.postgresql",
        "TEST": {"NAME": os.environ.get("TEST_DATABASE_NAME") or None},
    }


def _database_owner() -> dict[str, Any] | None:
    """This will describe the role that migrates, where it is another one than the application's."""
    url = os.environ.get("WORLDLOOM_DATABASE_OWNER_URL")
    return _connection(url, owner=True) if url or not os.environ.get("DATABASE_URL") else None


DEBUG = _flag("WORLDLOOM_DEBUG")
SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = _words("WORLDLOOM_SECRET_KEY_FALLBACKS", "")
ALLOWED_HOSTS = _words("WORLDLOOM_HOSTS", "127.0.0.1,localhost,[::1]")
SITE_URL = os.environ.get("WORLDLOOM_URL", "http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = _words("WORLDLOOM_TRUSTED_ORIGINS", SITE_URL)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_cotton.apps.SimpleAppConfig",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "procrastinate.contrib.django",
    "marketplace.storefront",
    "marketplace.portal",
    "marketplace.api",
    "marketplace.intake",
    "marketplace.checkout",
    "marketplace.compositions",
    "marketplace.licensing",
    "marketplace.catalog",
    "marketplace.payouts",
    "marketplace.provider",
    "assets",
    "ledger",
    "marketplace.people",
    "marketplace.ui",
    "marketplace.database",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
ASGI_APPLICATION = "marketplace.asgi.application"

_LOADERS = [
    "django_cotton.cotton_loader.Loader",
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": _LOADERS if DEBUG else [("django.template.loaders.cached.Loader", _LOADERS)],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["django_cotton.templatetags.cotton", "django.templatetags.i18n"],
        },
    }
]

DATABASES = {"default": _database()}
DATABASE_OWNER = _database_owner()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "people.Person"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "marketplace.people.passwords.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [HOME / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = HOME / "build" / "static"
STATICFILES_DIRS = [folder for folder in [HOME / "build" / "vendor"] if folder.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or _flag("WORLDLOOM_PLAIN_STATIC")
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG or _flag("WORLDLOOM_PLAIN_STATIC")
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 200

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if SITE_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# The outside world: one adapter a port. The embedded ones own up in `manage.py check --deploy`.
ADAPTERS = {
    "storage": os.environ.get("WORLDLOOM_STORAGE", "assets.storage.folder.FolderStorage"),
    "chain": os.environ.get("WORLDLOOM_CHAIN", "ledger.chain.evm.EvmChain"),
    "payments": os.environ.get("WORLDLOOM_PAYMENTS", "marketplace.checkout.gateways.sandbox.SandboxGateway"),
    "payouts": os.environ.get("WORLDLOOM_PAYOUTS", "marketplace.payouts.rails.recorded.RecordedRail"),
    "screening": os.environ.get("WORLDLOOM_SCREENING", "marketplace.payouts.checks.manual.ManualScreening"),
    "keys": os.environ.get("WORLDLOOM_KEYS", "ledger.signing.files.FileKeys"),
    "mail": os.environ.get("WORLDLOOM_MAIL", "django.core.mail.backends.filebased.EmailBackend"),
    "services": os.environ.get("WORLDLOOM_SERVICES", "marketplace.compositions.services.http.HttpClient"),
    "taxes": os.environ.get("WORLDLOOM_TAXES", "marketplace.checkout.taxes.none.NoTaxes"),
}
# By the name of a gateway, what reads the balance that it keeps for us.
BALANCE_LINES = {
    "sandbox": "marketplace.checkout.reconciling.ports.sandbox.SandboxLines",
    "stripe": "marketplace.checkout.reconciling.ports.stripe.StripeLines",
}
EMAIL_BACKEND = ADAPTERS["mail"]
EMAIL_FILE_PATH = DATA_FOLDER / "mail"
EMAIL_HOST = os.environ.get("WORLDLOOM_MAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("WORLDLOOM_MAIL_PORT", 25))
EMAIL_HOST_USER = os.environ.get("WORLDLOOM_MAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("WORLDLOOM_MAIL_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("WORLDLOOM_MAIL_TLS", "") == "starttls"
EMAIL_USE_SSL = os.environ.get("WORLDLOOM_MAIL_TLS", "") == "tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("WORLDLOOM_MAIL_FROM", "Worldloom <worldloom@localhost>")
# Who is told of books that disagree, besides the people who are named as operators.
ALARM_ADDRESSES = _words("WORLDLOOM_ALARM_ADDRESSES", "")
CHAIN_RPC_URL = os.environ.get("WORLDLOOM_CHAIN_RPC_URL", "")
# Another endpoint of the same chain, asked for what the first one said before it is believed.
CHAIN_SECOND_RPC_URL = os.environ.get("WORLDLOOM_CHAIN_SECOND_RPC_URL", "")
CHAIN_KEY_FILE = os.environ.get("WORLDLOOM_CHAIN_KEY_FILE", "")
CHAIN_ANCHOR_ADDRESS = os.environ.get("WORLDLOOM_CHAIN_ANCHOR_ADDRESS", "")
# The record that `chain_deploy --suite` wrote, where it is not in the data folder.
CHAIN_SUITE = os.environ.get("WORLDLOOM_CHAIN_SUITE", "")
# Files of keys by role, where a role does not share CHAIN_KEY_FILE.
CHAIN_KEY_FILES = {
    role: path
    for role in ("anchorer", "keeper", "registrar", "settler", "offers", "guardian", "admin")
    if (path := os.environ.get(f"WORLDLOOM_CHAIN_KEY_{role.upper()}"))
}
# A block counts when so many stand at its end of the chain, itself included. Nobody else writes the embedded chain.
CHAIN_CONFIRMATIONS = int(os.environ.get("WORLDLOOM_CHAIN_CONFIRMATIONS", 12 if CHAIN_RPC_URL else 1))
CHAIN_PATIENCE_SECONDS = int(os.environ.get("WORLDLOOM_CHAIN_PATIENCE_SECONDS", 300))
CHAIN_MAX_FEE_GWEI = int(os.environ.get("WORLDLOOM_CHAIN_MAX_FEE_GWEI", 500))
# A call may run code of somebody else's wallet, which would take what it is given.
CHAIN_MAX_GAS = int(os.environ.get("WORLDLOOM_CHAIN_MAX_GAS", 1_000_000))
# What pages and wallets are told of the chain. The endpoint above may hold a key and is told to nobody.
CHAIN_NAME = os.environ.get("WORLDLOOM_CHAIN_NAME", "")
CHAIN_COIN = os.environ.get("WORLDLOOM_CHAIN_COIN", "ETH")
CHAIN_EXPLORER = os.environ.get("WORLDLOOM_CHAIN_EXPLORER", "")
CHAIN_PUBLIC_RPC_URL = os.environ.get("WORLDLOOM_CHAIN_PUBLIC_RPC_URL", "")
_KEY_USES = ("log", "certificates", "claims", "cosignatures")
# Where the keys of a use are that have another adapter than ADAPTERS["keys"].
KEYS_OF_USE = {use: name for use in _KEY_USES if (name := os.environ.get(f"WORLDLOOM_KEYS_{use.upper()}"))}
PKCS11 = {
    "module": os.environ.get("WORLDLOOM_PKCS11_MODULE", ""),
    "token": os.environ.get("WORLDLOOM_PKCS11_TOKEN", ""),
    "pin": os.environ.get("WORLDLOOM_PKCS11_PIN", ""),
    "pin_file": os.environ.get("WORLDLOOM_PKCS11_PIN_FILE", ""),
    "labels": {use: _words(f"WORLDLOOM_PKCS11_{use.upper()}", f"worldloom-{use}") for use in _KEY_USES},
}
KMS = {
    "endpoint": os.environ.get("WORLDLOOM_KMS_ENDPOINT", ""),
    "region": os.environ.get("WORLDLOOM_KMS_REGION", "us-east-1"),
    "access_key": os.environ.get("WORLDLOOM_KMS_ACCESS_KEY", ""),
    "secret_key": os.environ.get("WORLDLOOM_KMS_SECRET_KEY", ""),
    "keys": {use: _words(f"WORLDLOOM_KMS_{use.upper()}", "") for use in _KEY_USES},
}
LOG_ORIGIN = os.environ.get("WORLDLOOM_LOG_ORIGIN", "localhost/worldloom")
# A file in the c2sp.org/tlog-policy format: whose cosignatures the log's checkpoints need (docs/formats/policy.md).
WITNESS_POLICY = os.environ.get("WORLDLOOM_WITNESS_POLICY", "")
# What encrypts the keys kept for creators: Fernet keys, the first encrypts; with none, a file made on first use.
CUSTODY_KEYS = _words("WORLDLOOM_CUSTODY_KEYS", "")

PLATFORM_FEE_PPB = int(os.environ.get("WORLDLOOM_PLATFORM_FEE_PPB", 100_000_000))
TAXES_URL, TAXES_KEY = os.environ.get("WORLDLOOM_TAXES_URL", ""), os.environ.get("WORLDLOOM_TAXES_KEY", "")
TAXES_TIMEOUT_SECONDS = int(os.environ.get("WORLDLOOM_TAXES_TIMEOUT_SECONDS", 5))
PAYOUT_HOLD_DAYS = int(os.environ.get("WORLDLOOM_PAYOUT_HOLD_DAYS", 14))
PAYOUT_THRESHOLD_MINOR = int(os.environ.get("WORLDLOOM_PAYOUT_THRESHOLD_MINOR", 1))
# What a policy says otherwise: always, daily, weekly:1 (Monday) to 7, monthly:1 to 28, or manual; all in UTC.
PAYOUT_SCHEDULE = os.environ.get("WORLDLOOM_PAYOUT_SCHEDULE", "daily")
PAYOUT_RESERVE_PPB = int(os.environ.get("WORLDLOOM_PAYOUT_RESERVE_PPB", 0))
PAYOUT_RESERVE_DAYS = int(os.environ.get("WORLDLOOM_PAYOUT_RESERVE_DAYS", 0))
PAYOUT_EVERY_MINUTES = int(os.environ.get("WORLDLOOM_PAYOUT_EVERY_MINUTES", 1440))
# Checks of creators: of identity above so much paid in a currency (below 0: never), of sanctions, and when made anew.
CHECK_IDENTITY_ABOVE_MINOR = int(os.environ.get("WORLDLOOM_CHECK_IDENTITY_ABOVE_MINOR", -1))
CHECK_SANCTIONS = _flag("WORLDLOOM_CHECK_SANCTIONS")
CHECK_AGAIN_DAYS = int(os.environ.get("WORLDLOOM_CHECK_AGAIN_DAYS", 365))
# Accounts that creators have with Stripe: calls at the same time, how long what was heard of a balance counts, and
# after how many days a debt is taken back from what is in such an account; 0 is never.
CONNECT_THREADS = int(os.environ.get("WORLDLOOM_CONNECT_THREADS", 4))
CONNECT_BALANCE_MINUTES = int(os.environ.get("WORLDLOOM_CONNECT_BALANCE_MINUTES", 60))
# Whether each transfer draws on the charges that it is of, and not only where one is not available yet.
CONNECT_FROM_CHARGES = _flag("WORLDLOOM_CONNECT_FROM_CHARGES", False)
RECOVER_DEBTS_DAYS = int(os.environ.get("WORLDLOOM_RECOVER_DEBTS_DAYS", 0))
# For tax offices: whether licensing is a relevant activity of DAC7 (undecided, yes or no), what Form 1099-K is due
# above (both together), and the merchant category code of its box 2.
DAC7_ACTIVITY = os.environ.get("WORLDLOOM_DAC7_ACTIVITY", "undecided")
TAX_1099K_GROSS_MINOR = int(os.environ.get("WORLDLOOM_TAX_1099K_GROSS_MINOR", 20_000_00))
TAX_1099K_SALES = int(os.environ.get("WORLDLOOM_TAX_1099K_SALES", 200))
TAX_MERCHANT_CATEGORY = os.environ.get("WORLDLOOM_TAX_MERCHANT_CATEGORY", "5815")
# How many days after it was paid a buyer can ask for a refund of an order.
REFUND_REQUEST_DAYS = int(os.environ.get("WORLDLOOM_REFUND_REQUEST_DAYS", 14))
# After how many days the charge of a renewal, or of a bill for use, that was declined is tried again, and how many days
# a subscription's license goes on meanwhile.
SUBSCRIPTION_RETRY_DAYS = [int(day) for day in _words("WORLDLOOM_SUBSCRIPTION_RETRY_DAYS", "1,3,5,7")]
SUBSCRIPTION_GRACE_DAYS = int(os.environ.get("WORLDLOOM_SUBSCRIPTION_GRACE_DAYS", 14))
SANDBOX_DISPUTE_AFTER_MINUTES = int(os.environ.get("WORLDLOOM_SANDBOX_DISPUTE_AFTER_MINUTES", 60))
SANDBOX_FEE_PPB = int(os.environ.get("WORLDLOOM_SANDBOX_FEE_PPB", 0))
ASSET_FILE_LIMIT_BYTES = int(os.environ.get("WORLDLOOM_ASSET_FILE_LIMIT_BYTES", 4 * 1024**3))
RELEASE_LIMIT_BYTES = int(os.environ.get("WORLDLOOM_RELEASE_LIMIT_BYTES", 16 * 1024**3))
# What one person may have on its way in: uploads that are unfinished, or finished and not yet published.
UPLOADS_LIMIT_BYTES = int(os.environ.get("WORLDLOOM_UPLOADS_LIMIT_BYTES", 32 * 1024**3))
UPLOADS_LIMIT = int(os.environ.get("WORLDLOOM_UPLOADS_LIMIT", 400))
UPLOAD_EXPIRES_HOURS = int(os.environ.get("WORLDLOOM_UPLOAD_EXPIRES_HOURS", 48))
COUNTER_NOTICE_DAYS = int(os.environ.get("WORLDLOOM_COUNTER_NOTICE_DAYS", 14))
# How old a use may be when it is sent, and how far ahead the clock of who sends it.
USAGE_LATE_DAYS = int(os.environ.get("WORLDLOOM_USAGE_LATE_DAYS", 7))
USAGE_EARLY_SECONDS = int(os.environ.get("WORLDLOOM_USAGE_EARLY_SECONDS", 300))
# Addresses that a provider's service may have although they are not public; how many runs a studio may have at once.
SERVICE_PRIVATE = _words("WORLDLOOM_SERVICE_PRIVATE", "127.0.0.0/8,::1" if DEBUG else "")
SERVICE_RUNS_AT_ONCE = int(os.environ.get("WORLDLOOM_SERVICE_RUNS_AT_ONCE", 4))
# What hides from thieves what weights are recognised by: hex, 32 bytes, the same on every machine of a site.
FINGERPRINT_KEY = os.environ.get("WORLDLOOM_FINGERPRINT_KEY", "")
CLAMD_ADDRESS = os.environ.get("WORLDLOOM_CLAMD", "")
# The payment provider. Its key comes from the environment or from a file; secrets of its webhooks are several while one
# replaces another; the address is for tests.
STRIPE = {
    "key": os.environ.get("WORLDLOOM_STRIPE_KEY") or _content_of("WORLDLOOM_STRIPE_KEY_FILE"),
    "api": os.environ.get("WORLDLOOM_STRIPE_API", ""),
    "webhook_secrets": tuple(_words("WORLDLOOM_STRIPE_WEBHOOK_SECRETS", "")),
    "timeout_seconds": int(os.environ.get("WORLDLOOM_STRIPE_TIMEOUT_SECONDS", 30)),
}
# Whether the Stripe gateway writes an invoice there for what is charged without its buyer: renewals, bills for use.
STRIPE_INVOICES = _flag("WORLDLOOM_STRIPE_INVOICES", False)
S3 = {
    "bucket": os.environ.get("WORLDLOOM_S3_BUCKET", ""),
    "endpoint": os.environ.get("WORLDLOOM_S3_ENDPOINT", ""),
    "region": os.environ.get("WORLDLOOM_S3_REGION", "us-east-1"),
    "access_key": os.environ.get("WORLDLOOM_S3_ACCESS_KEY", ""),
    "secret_key": os.environ.get("WORLDLOOM_S3_SECRET_KEY", ""),
    "path_style": _flag("WORLDLOOM_S3_PATH_STYLE", True),
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["marketplace.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["marketplace.api.renderers.FastJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["marketplace.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "marketplace.api.errors.problem_response",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Worldloom licensing API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "DESCRIPTION": "List packs, license offers, download what you licensed and verify what you hold.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": ENUM_NAMES,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("WORLDLOOM_LOG_LEVEL", "WARNING")},
}
