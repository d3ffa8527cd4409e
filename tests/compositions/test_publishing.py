"""Bob publishes what he composed of Alice's sea, Mo's ink and his own night."""

import json

import assets.queries
from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.compositions.compositions import composition_text, facts_of
from marketplace.payouts.queries import shares_of
from tests.compositions.composed import compose
from tests.compositions.stage import Stage

WHOLE = 1_000_000_000


def content(release: Release, path: str) -> bytes:
    row = ReleaseAsset.objects.get(release=release, path=path)
    with assets.queries.open_blob(row.asset.blob_id) as file:
        return file.read()


def test_a_composition_is_a_release_whose_contents_are_other_releases(scene: Stage) -> None:
    made = compose(scene.cast.bob)

    assert (str(made), made.pack.kind, made.base_model) == ("bob/pier-night@1.0.0", "composition", "sd15")
    assert composition_text(made) == (
        "%seed=7\n"
        "|pier: a pier above the clouds @alice/sea/ink:1.1.0*0.8\n"
        "|crowd: a crowd with lanterns @bob/night:1.0.0 [box 0,0.5,1,1]\n"
        "- style: ink wash @mo/ink:1.0.0\n"
    )
    # 0.8 × 1, 1 × 0.5 and 1 × 1 of 2.3 together; the unit that is left goes to the largest remainder, Alice's.
    said = json.loads(content(made, "composition.json"))
    assert [(one["layer"], one["pack"], one["element"], one["share_ppb"]) for one in said["packs"]] == [
        ("pier", "alice/sea", "ink", 347_826_087),
        ("crowd", "bob/night", "", 217_391_304),
        ("style", "mo/ink", "", 434_782_609),
    ]
    assert (said["format"], said["policy"], "fees" in said) == ("worldloom/composition/1", "weight-area", False)
    # Of 600 000 000: 208 695 652.2, 130 434 782.4 and 260 869 565.4: the one that is left is Bob's, first of the largest.
    assert {str(link.parent): link.share_ppb for link in made.parents.all()} == {
        "alice/sea@1.1.0": 208_695_652,
        "bob/night@1.0.0": 130_434_783,
        "mo/ink@1.0.0": 260_869_565,
    }
    assert {payee.handle: share for payee, share in shares_of(made.split_id)} == {
        "alice": 208_695_652,
        "bob": 400_000_000 + 130_434_783,
        "mo": 260_869_565,
    }
    assert facts_of([made, scene.sea])[made.pk]["kind"] == "composition"
    assert composition_text(scene.sea) == ""
