"""Files that are uploaded as evidence: the form's parts in, a File out, its bytes kept for a test to look at."""

from email.parser import BytesParser
from hashlib import sha256
from urllib.parse import urlencode

import stripe

from tests.stripe.routes import listed, retrieved, route
from tests.stripe.world import PLATFORM, Call, Refused, Row, World

LARGEST = {"dispute_evidence": 5 * 1024**2}
MAGIC = {"pdf": b"%PDF-", "png": b"\x89PNG", "jpg": b"\xff\xd8\xff"}


def form_of_parts(world: World, content_type: str, body: bytes) -> str:
    """Gives a multipart body as a form: a file's bytes are kept by their digest, and the form names it."""
    whole = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    fields = []
    for part in whole.walk():
        name = part.get_param("name", header="content-disposition")
        if name is None:
            continue
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename() is None:
            fields.append((str(name), content.decode()))
            continue
        digest = sha256(content).hexdigest()
        world.hidden["uploads"][digest] = (str(part.get_filename()), content)
        fields.append((str(name), digest))
    return urlencode(fields)


@route("POST", "files", "FileCreateParams", stripe.File, "file purpose")
def upload(world: World, call: Call) -> Row:
    """Keeps a file; evidence is a PDF or a picture of at most 5 MB."""
    if call.params["file"] not in world.hidden["uploads"]:
        raise Refused("Invalid hash: `file` must be a file in a multipart form.", param="file")
    name, content = world.hidden["uploads"][call.params["file"]]
    purpose = call.params["purpose"]
    kind = next((kind for kind, magic in MAGIC.items() if content.startswith(magic)), None)
    if kind is None:
        raise Refused("This file type is not accepted: PDF, PNG or JPEG.", param="file")
    if len(content) > LARGEST.get(purpose, 10 * 1024**2):
        raise Refused("The file is too large.", param="file")
    links = {"object": "list", "data": [], "has_more": False, "url": "/v1/file_links"}
    row = world.add(
        stripe.File, "file", expires_at=None, filename=name, links=links, purpose=purpose, size=len(content), type=kind,
    )  # fmt: skip
    world.hidden[row["id"]]["content"] = content
    row["url"] = f"https://files.stripe.test/v1/files/{row['id']}/contents"
    return row


def must_be_file(world: World, row_id: str, field: str) -> None:
    """Raises Refused for evidence that names no file."""
    if world.find("file", row_id, PLATFORM, f"evidence[{field}]")["purpose"] != "dispute_evidence":
        raise Refused("The file's purpose must be dispute_evidence.", param=f"evidence[{field}]")


retrieved("files", "FileRetrieveParams", stripe.File)
listed("files", "FileListParams", stripe.File, "purpose")
