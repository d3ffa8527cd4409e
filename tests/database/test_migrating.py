"""A database that was migrated sparingly is the one that Django's own executor makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management.commands import migrate
from django.db import connection, migrations, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from marketplace.database.migrating import SparingExecutor
from tests.database.told import everything
from tests.template import created, led_to, migrate_all


def key(sort: type[models.Field] = models.BigAutoField, *to: Any, **options: Any) -> models.Field:
    return sort(*to, primary_key=True, serialize=False, **options)


def points_to(model: str) -> models.ForeignKey:
    return models.ForeignKey(model, models.CASCADE)


WORLD = [
    migrations.CreateModel("Artist", [("name", key(models.IntegerField))]),
    migrations.CreateModel("Style", [("artist", key(models.OneToOneField, "loom.Artist", models.CASCADE))]),
    migrations.CreateModel("World", [("id", key()), ("style", points_to("loom.Style"))]),
    migrations.AddField("World", "seen_from", models.ManyToManyField("self")),
    migrations.CreateModel("Isle", [("world", key(models.OneToOneField, "loom.World", models.CASCADE))]),
    migrations.AddIndex("World", models.Index(models.F("style"), name="loom_by_style")),
    migrations.AddConstraint("World", models.CheckConstraint(condition=models.Q(id__gt=0), name="loom_has_a_number")),
    migrations.AddField("Artist", "email", models.CharField(max_length=20, unique=True, null=True)),
]
# Each changes one model, and some of them others with it.
CHANGES: dict[str, list[Any]] = {
    "a key that others point to": [migrations.AlterField("Artist", "name", key(models.CharField, max_length=9))],
    "a field that is no longer unique": [migrations.AlterField("Artist", "email", models.TextField(null=True))],
    "to what a field points": [migrations.AlterField("World", "style", points_to("loom.Artist"))],
    "the name of a key": [migrations.RenameField("Artist", "name", "called")],
    "the name of a model": [migrations.RenameModel("Style", "Manner")],
    "the name of a table": [migrations.AlterModelTable("World", "worlds")],
    "what goes": [
        migrations.DeleteModel("Isle"),
        migrations.RemoveField("World", "seen_from"),
        migrations.RemoveConstraint("World", "loom_has_a_number"),
        migrations.RemoveIndex("World", "loom_by_style"),
        migrations.RemoveField("World", "style"),
        migrations.DeleteModel("Style"),
    ],
}


def migrated(executor: type[MigrationExecutor], *steps: list[Any]) -> ProjectState:
    """Migrates an app of its own, a migration a step, and returns the state that follows."""
    plan = []
    for number, operations in enumerate(steps):
        migration = migrations.Migration(f"{number:04}", "loom")
        migration.operations = operations
        plan.append((migration, False))
    return executor(connection)._migrate_all_forwards(ProjectState(), plan, plan, fake=False, fake_initial=False)


@contextmanager
def aside() -> Iterator[None]:
    """Lets tables come to a schema of its own, and leaves nothing."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA aside")
        cursor.execute("SET LOCAL search_path TO aside, public")
        yield
        transaction.set_rollback(True)


def told(executor: type[MigrationExecutor], *steps: list[Any]) -> dict[str, list[Any]]:
    with aside():
        migrated(executor, *steps)
        return everything(schema="aside")


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_reaches_as_far_as_by_djangos_own_executor(change: str, db: None) -> None:
    before = told(SparingExecutor, WORLD)
    assert before == told(MigrationExecutor, WORLD)
    after = told(SparingExecutor, WORLD, CHANGES[change])
    assert after == told(MigrationExecutor, WORLD, CHANGES[change])
    assert after != before


def test_the_columns_that_point_to_a_key_follow_it(db: None) -> None:
    found = told(SparingExecutor, WORLD, CHANGES["a key that others point to"])
    kinds = {(table, name): kind for table, name, _, kind, *_ in found["columns"]}
    assert kinds["loom_artist", "name"] == kinds["loom_style", "artist_id"] == kinds["loom_world", "style_id"]
    assert kinds["loom_artist", "name"] == "character varying(9)"


def test_the_code_of_a_migration_finds_all_models_and_who_points_to_them(db: None) -> None:
    heard: list[Any] = []

    def code(apps: Any, editor: Any) -> None:
        heard.append(sorted(model.__name__ for model in apps.get_models()))
        artist = apps.get_model("loom", "Artist").objects.create(name=7)
        apps.get_model("loom.Style").objects.create(artist=artist)
        heard.append([found.style.pk for found in apps.get_model("loom.Artist").objects.filter(style__isnull=False)])

    with aside():
        migrated(SparingExecutor, WORLD, [migrations.RunPython(code)], CHANGES["a field that is no longer unique"])
    assert heard == [["Artist", "Isle", "Style", "World"], [7]]


def test_code_does_not_find_what_comes_after_it(db: None) -> None:
    def code(apps: Any, editor: Any) -> None:
        apps.get_model("loom", "Style")

    with aside():
        with pytest.raises(LookupError, match="Style"):
            migrated(SparingExecutor, WORLD[:1], [migrations.RunPython(code)], WORLD[1:2])
        connection.needs_rollback = False
        assert "loom_style" not in connection.introspection.table_names()


def test_what_follows_is_a_state_like_any_other(db: None) -> None:
    with aside():
        state = migrated(SparingExecutor, WORLD, CHANGES["the name of a model"])
    assert type(state) is ProjectState
    assert sorted(name for _, name in state.models) == ["artist", "isle", "manner", "world"]
    assert state.apps.get_model("loom.World")._meta.get_field("style").related_model.__name__ == "Manner"


@pytest.mark.deep
def test_the_whole_house_is_the_one_that_djangos_own_executor_makes(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database of the tests was migrated by `manage.py migrate`."""
    ours = everything()
    assert migrate.MigrationExecutor is SparingExecutor
    monkeypatch.setattr(migrate, "MigrationExecutor", MigrationExecutor)
    with created("migrated_plainly") as plain, led_to(plain):
        migrate_all()
        assert everything() == ours
