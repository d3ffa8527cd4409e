"""The demo's input: eight packs by four creators, as folders that go through `publish` like anyone's."""
