"""What the tests of assets share: a test that commits, and the silence after a refusal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from assets.models import Asset, Blob, PreviewImage
from ledger.models import Entry

TABLES = ", ".join(model._meta.db_table for model in (PreviewImage, Asset, Blob))


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Lets a test commit, and empties the tables afterwards past their own triggers."""
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SET session_replication_role = replica")
                cursor.execute(f"TRUNCATE {TABLES}, {Entry._meta.db_table} RESTART IDENTITY CASCADE")
                cursor.execute("SET session_replication_role = DEFAULT")
            connection.close()


@pytest.fixture
def traces(settings: pytest.FixtureRequest) -> "Traces":
    return Traces(Path(settings.DATA_FOLDER))


class Traces:
    """What receiving and admitting leave behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self) -> tuple[int, int, int, int]:
        """Returns the numbers of blobs, assets, previews and entries about assets."""
        entries = Entry.objects.filter(type="asset")
        return tuple(rows.count() for rows in (Blob.objects, Asset.objects, PreviewImage.objects, entries))

    def files(self) -> list[str]:
        """Returns every file below the data folder, staged ones too, but for the key and index of fingerprints."""
        found = (str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file())
        return sorted(path for path in found if path != "keys/fingerprints" and not path.startswith("index/"))

    def silent(self) -> bool:
        return self.rows() == (0, 0, 0, 0) and self.files() == []
