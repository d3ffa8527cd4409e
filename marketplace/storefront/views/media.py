"""Preview images: immutable, by the digest of their bytes, and only those that a release shows to everybody."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

import assets.queries
from assets.models import PreviewImage
from assets.storage.base import BlobDamaged, BlobMissing
from marketplace.storefront import queries
from marketplace.storefront.views.log import FOREVER


@require_safe
def preview(request: HttpRequest, sha256: str, media_type: str = PreviewImage.WEBP) -> HttpResponseBase:
    """This will send a preview image."""
    image = queries.public_preview(sha256)
    if image is None or image.media_type != media_type:
        raise Http404
    headers = {"Cache-Control": FOREVER, "ETag": f'"{sha256}"'}
    if f'"{sha256}"' in request.headers.get("If-None-Match", ""):
        return HttpResponseNotModified(headers=headers)
    try:
        content = assets.queries.open_blob(sha256)
    except (BlobMissing, BlobDamaged):
        raise Http404 from None
    return FileResponse(content, content_type=media_type, headers=headers)
