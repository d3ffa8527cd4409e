"""`manage.py operator`: who runs this house."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.people import operations, queries
from marketplace.people.models import Person


class Command(BaseCommand):
    """Lists the operators, names one, or ends it; operators see the books at /desk/books."""

    help = "List the people who run this house; --add or --end with the e-mail address that a person signs in with."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--add", metavar="EMAIL", help="this person sees the books from now on")
        what.add_argument("--end", metavar="EMAIL", help="this person does not any more")

    def handle(self, *args: Any, **options: Any) -> None:
        if email := options["add"]:
            operations.name_operator(person=self._person(email), now=timezone.now())
        email = options["end"]
        if email and not operations.end_operator(person=self._person(email), now=timezone.now()):
            raise CommandError(f"{email} is no operator; without arguments this command lists who is.")
        for person in queries.operators():
            self.stdout.write(f"{person.email}  {person.display_name}")

    def _person(self, email: str) -> Person:
        found = Person.objects.filter(email=email.strip().lower()).first()
        if found is None:
            raise CommandError(f"Nobody signs in as {email}: they sign up on the site first.")
        return found
