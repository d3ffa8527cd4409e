"""`manage.py database_rights`: set what the application's role may do, and say what it may do too much."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from marketplace.database.rights import excess, secure_functions, set_rights, tables
from marketplace.database.roles import as_owner, current_role


class Command(BaseCommand):
    """Does what `migrate` does at its end, and ends non-zero while the role may unmake facts."""

    help = "Set the rights of the application's role in the database, and check them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="set nothing, only say what the role may do too much")

    def handle(self, *args: Any, **options: Any) -> None:
        role = current_role()
        if not options["check"]:
            try:
                self._set(role)
            except ProgrammingError as refused:
                raise CommandError(
                    f"{role} does not own the database's tables and functions: set WORLDLOOM_DATABASE_OWNER_URL to "
                    f"who does ({str(refused).splitlines()[0]})."
                ) from refused
        if found := excess(role=role):
            raise CommandError(
                "\n".join(f"The application's role {role} {what}." for what in found)
                + "\ndocs/operate.md says how to give it less."
            )
        facts = sum(table.is_fact for table in tables())
        self.stdout.write(f"{role} adds to {facts} tables of facts and changes none of them")

    def _set(self, role: str) -> None:
        with as_owner():
            secure_functions()
            if role != current_role():
                set_rights(role=role)
