"""Every write about bytes, by name; each verb stands in its module beside its errors."""

from assets.keeping.admitting import UnableToAdmit, admit, keep
from assets.keeping.credentialing import is_signable, sign_originals
from assets.keeping.inspecting import findings_of, inspect_due, inspect_uploads, outcome_of, retry_inspection
from assets.keeping.previewing import UnableToPreview, make_all_previews, make_previews
from assets.keeping.receiving import Received, UnableToReceive, receive
from assets.keeping.storing import Swept, forget, sweep
from assets.uploads.appending import Checksum, append
from assets.uploads.beginning import abort_upload, begin_upload, resume_upload
from assets.uploads.direct import begin_direct, finish_direct, list_sent, sign_parts
from assets.uploads.expiring import Expired, expire_uploads
from assets.uploads.joining import join_uploads
from assets.uploads.linking import Challenge, link_known, link_own, offer_known
from assets.uploads.refusing import UnableToUpload
from assets.uploads.taking import take_stream, uploaded_files

__all__ = [
    "Challenge",
    "Checksum",
    "Expired",
    "Received",
    "Swept",
    "UnableToAdmit",
    "UnableToPreview",
    "UnableToReceive",
    "UnableToUpload",
    "abort_upload",
    "admit",
    "append",
    "begin_direct",
    "begin_upload",
    "expire_uploads",
    "findings_of",
    "finish_direct",
    "forget",
    "inspect_due",
    "inspect_uploads",
    "is_signable",
    "join_uploads",
    "keep",
    "link_known",
    "link_own",
    "list_sent",
    "make_all_previews",
    "make_previews",
    "offer_known",
    "outcome_of",
    "receive",
    "resume_upload",
    "retry_inspection",
    "sign_originals",
    "sign_parts",
    "sweep",
    "take_stream",
    "uploaded_files",
]
