"""The house stands as it is drawn: layers, foreign keys, sizes, errors, and nothing that names a machine."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

HOME = Path(__file__).resolve().parents[2]
PACKAGES = ("marketplace", "assets", "ledger", "embedded", "demo", "benchmarks", "tests")
FUNCTION_LINES, MODULE_LINES = 60, 400
# What stops a worker or a command, or is answered on the page where it happens; every other domain error has a status.
SILENT = {
    "ledger",
    "embedded",
    "marketplace.payouts",
    "marketplace.provider",
    "marketplace.checkout.hearing",
    "marketplace.checkout.reconciling",
    "assets.inspectors.clamav",
    "assets.storage",
    "assets.uploads.resumable",
    "demo",
    "marketplace.intake",
    "marketplace.portal",
}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((HOME / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def layers() -> list[set[str]]:
    """The list in pyproject.toml, top first; both this test and import-linter read it."""
    config = tomllib.loads((HOME / "pyproject.toml").read_text())
    contract = next(one for one in config["tool"]["importlinter"]["contracts"] if one["id"] == "house")
    return [{name.strip(" ()") for name in re.split(r"[|:]", layer)} for layer in contract["layers"]]


def layer_of(module: str) -> int | None:
    for depth, names in enumerate(layers()):
        if any(module == name or module.startswith(name + ".") for name in names):
            return depth
    return None


def test_imports_point_down_the_house() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_foreign_keys_point_down_the_house() -> None:
    climbing = []
    for model in apps.get_models():
        here = layer_of(model.__module__)
        for field in model._meta.get_fields():
            if here is None or not getattr(field, "many_to_one", False) or field.auto_created:
                continue
            there = layer_of(field.related_model.__module__)
            if there is not None and there < here:
                climbing.append(f"{model.__name__}.{field.name} → {field.related_model.__name__}")

    assert climbing == []


def test_every_app_stands_in_the_list_of_layers() -> None:
    ours = [config.name for config in apps.get_app_configs() if config.name.split(".")[0] in PACKAGES]

    assert len(ours) >= 11
    assert [name for name in ours if layer_of(name) is None] == []


def test_functions_and_modules_stay_small() -> None:
    large = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if (lines := text.count("\n")) > MODULE_LINES:
            large.append(f"{path.relative_to(HOME)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    large.append(f"{path.relative_to(HOME)}:{node.lineno} {node.name}: {lines} lines")

    assert large == []


def test_a_packages_init_is_one_sentence() -> None:
    wordy = []
    for path in sources():
        if path.name == "__init__.py" and path.parts[-3] != "management" and "tests" not in path.parts:
            body = ast.parse(path.read_text(encoding="utf-8")).body
            if len(body) > 1 or (body and not ast.get_docstring(ast.Module(body, []))):
                wordy.append(str(path.relative_to(HOME)))

    assert wordy == []


def domain_errors() -> Iterator[type[Exception]]:
    for root in ("marketplace", "assets", "ledger"):
        package = importlib.import_module(root)
        for found in pkgutil.walk_packages(package.__path__, root + "."):
            if ".migrations" in found.name or found.name.endswith((".asgi", ".wsgi")):
                continue
            module = importlib.import_module(found.name)
            for _name, value in inspect.getmembers(module, inspect.isclass):
                if issubclass(value, Exception) and value.__module__ == found.name:
                    yield value


def test_every_domain_error_has_a_status_in_the_one_table() -> None:
    from rest_framework.exceptions import APIException

    from marketplace.api.errors import STATUS, status_of

    missing = []
    for error in domain_errors():
        silent = any(error.__module__ == name or error.__module__.startswith(name + ".") for name in SILENT)
        if silent or issubclass(error, APIException):
            continue
        if error not in STATUS and next((s for kind in error.__mro__ for s in [STATUS.get(kind)] if s), None) is None:
            missing.append(f"{error.__module__}.{error.__name__}")

    assert missing == []
    assert all(400 <= status <= 599 for status in STATUS.values())
    assert status_of(ValueError()) is None


def test_every_domain_error_has_a_code_in_kebab_case() -> None:
    from rest_framework.exceptions import APIException

    codes: dict[str, str] = {}
    for error in domain_errors():
        if issubclass(error, APIException):
            continue
        code = getattr(error, "code", None)
        if code is not None:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code), (error, code)
            codes.setdefault(code, error.__name__)

    assert "release-refused" in codes


def tracked_texts() -> Iterator[tuple[str, str]]:
    listing = subprocess.run(["git", "ls-files"], cwd=HOME, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("the files are not in a git checkout")
    for name in listing.stdout.split("\n"):
        path = HOME / name
        if name and path.is_file() and path.stat().st_size < 2_000_000:
            try:
                yield name, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_no_tracked_file_names_a_registry_host() -> None:
    # Spelled in pieces, so that this file does not name them either.
    hosts = re.compile("|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.(org|com)"]), re.I)

    assert [name for name, text in tracked_texts() if hosts.search(text)] == []


def test_money_knows_no_floats() -> None:
    offenders = []
    for folder in ("marketplace/payouts", "marketplace/checkout", "marketplace/licensing", "marketplace/provider"):
        for path in sorted((HOME / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
                called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
                divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
                paths = divided and isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)
                if is_float or called or (divided and not paths):
                    offenders.append(f"{path.relative_to(HOME)}:{node.lineno}")
    fields = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if layer_of(model.__module__) is not None
        and (type(field).__name__ == "FloatField" or getattr(field, "decimal_places", 0))
    ]

    assert offenders == []
    assert fields == []


def test_money_is_kept_without_floats(db: None) -> None:
    """Neither columns nor functions of the books know one, and what they keep as JSON says only problems in words."""
    names = "real|double precision|float4|float8|money"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name ~ '^(payouts|checkout|licensing|provider)_'"
            "   AND (data_type ~ %s OR data_type = 'numeric' AND numeric_scale <> 0)",
            [f"^({names})$"],
        )
        columns = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
            " AND proname ~ '^(payouts|checkout|licensing|provider)_' AND (prosrc ~* %s OR prosrc ~ '[0-9]\\.[0-9]')",
            [f"\\m({names})\\M"],
        )
        functions = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name ~ '^payouts_' AND data_type IN ('json', 'jsonb')"
        )
        documents = [name for (name,) in cursor.fetchall()]

    assert columns == []
    assert functions == []
    assert documents == ["payouts_books_check.problems"]
