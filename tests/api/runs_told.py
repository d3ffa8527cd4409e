"""A lock that services paint, and a run of it that is made, for those who read what the API says of them."""

import tempfile
from pathlib import Path

from django.utils import timezone

from marketplace.compositions.runs import Run, RunOutcome
from marketplace.compositions.services import pictures
from marketplace.people.models import Creator
from tests.api.studios import Studio
from tests.compositions.services.gallery import publish
from tests.compositions.services.painter import Painter
from tests.packs import picture

PAINTED = {
    "text": "%size=256x192\n|sky: clouds at dusk @mo/paints/paint\n",
    "use": {"territory": ["DE"], "fields": ["film"], "media": ["video"]},
}


def painted_lock(carol: Studio, offers: tuple[tuple[str, str, str], ...] = (("studio", "0", "USD"),)) -> str:
    """Mo offers to paint, the studio licenses it and locks a recipe of it; gives the lock's digest. Nobody is asked."""
    with tempfile.TemporaryDirectory() as folder:
        painter = Painter(endpoint="http://127.0.0.1:9")
        publish(Path(folder), Creator.objects.get(handle="mo"), "paints", painter, seed=21, offers=offers)
    (offer,) = carol.get("/packs/mo/paints").json()["offers"]
    assert carol.order(offer["id"], card=None, key="paints").status_code == 201
    locked = carol.send("POST", "/recipes/locks", PAINTED, key="paints-lock")
    assert locked.status_code == 201, locked.content
    return str(locked.json()["digest"])


def made(run_id: str) -> str:
    """The run is over, with a picture; gives the address of it."""
    now = timezone.now()
    blob = pictures.kept(picture(size=(256, 192)), now=now)
    RunOutcome.objects.create(run=Run.objects.get(pk=run_id), outcome=RunOutcome.MADE, blob=blob, at=now)
    return f"/recipes/runs/{run_id}/picture"
