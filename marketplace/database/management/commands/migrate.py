"""`manage.py migrate`: Django's own, as the owner of the database, and then the rights of the application's role."""

from typing import Any

from django.core.management.commands import migrate

from marketplace.database.migrating import SparingExecutor
from marketplace.database.rights import secure_functions, set_rights
from marketplace.database.roles import as_owner, current_role

migrate.MigrationExecutor = SparingExecutor  # Django's command takes its executor from nowhere else


class Command(migrate.Command):
    """Migrates as WORLDLOOM_DATABASE_OWNER_URL says, and leaves the role of DATABASE_URL with what it needs."""

    def handle(self, *args: Any, **options: Any) -> None:
        application = current_role()
        with as_owner():
            super().handle(*args, **options)
            if options["plan"] or options["check_unapplied"]:
                return
            secure_functions()
            if application != current_role():
                set_rights(role=application)
