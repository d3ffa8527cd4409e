"""A recipe of services becomes one picture, and its use is counted with it."""

import io
import json

from PIL import Image

from marketplace.compositions.services import queries
from marketplace.compositions.uses import UsageEvent
from tests.compositions.services.gallery import THREE, Gallery
from tests.compositions.services.painter import Painter


def test_a_recipe_of_services_becomes_one_picture(scene: Gallery, painter: Painter) -> None:
    scene.license()
    lock = scene.lock(THREE)
    painter.looks = 2
    run = scene.start(lock)

    outcome = scene.finish(run)

    assert (outcome.outcome, outcome.code) == ("made", "")
    assert painter.asked == ["sky", "people", "style"]
    found = queries.run_of(run.pk, studio=scene.cast.studio)
    assert found is not None
    with queries.picture_of(found) as file:
        data = file.read()
    picture = Image.open(io.BytesIO(data))
    assert (picture.size, picture.mode, picture.format) == ((256, 192), "RGB", "PNG")
    assert picture.getpixel((5, 5)) == (0xDF, 0xBF, 0x7F)
    assert picture.getpixel((5, 180)) == (0x3F, 0xBF, 0xDF)
    assert json.loads(picture.text["worldloom"])["recipe"] == lock.digest
    event = UsageEvent.objects.get()
    assert (event.nonce, event.lock_id, event.counts, bytes(event.outputs).hex()) == (
        run.pk,
        lock.pk,
        {},
        outcome.blob_id,
    )
