"""`manage.py messages`: the texts people read, from the code to the compiled catalog, without gettext's programs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketplace.ui import translations
from marketplace.ui.extract import texts_of_project


class Command(BaseCommand):
    """Checks, updates or compiles the Chinese catalog."""

    help = "Find the texts people read; check, update or compile their translations."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--check", action="store_true", help="fail when a translation is missing or stale")
        what.add_argument("--update", action="store_true", help="write found texts into the .po files")
        what.add_argument("--compile", action="store_true", help="write .mo files where the .po is newer")

    def handle(self, *args: Any, **options: Any) -> None:
        catalogs = sorted(Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.po"))
        if options["compile"]:
            for path in catalogs:
                if translations.compile_to(path):
                    self.stdout.write(f"compiled {path.parent.parent.name}")
            return
        try:
            texts = texts_of_project(settings.HOME)
        except SyntaxError as refusal:
            raise CommandError(str(refusal)) from refusal
        for path in catalogs:
            if options["update"]:
                path.write_bytes(translations.written(translations.merge(translations.load(path), texts)))
            self._report(path, texts, strict=options["check"])

    def _report(self, path: Path, texts: list[Any], *, strict: bool) -> None:
        faults = translations.faults(translations.load(path), texts)
        for line in faults:
            self.stdout.write(line)
        name = path.parent.parent.name
        if faults and strict:
            raise CommandError(f"{name}: {len(faults)} translations to mend; `manage.py messages --update` starts it.")
        self.stdout.write(f"{name}: {len(texts)} texts, {len(faults)} to mend")
