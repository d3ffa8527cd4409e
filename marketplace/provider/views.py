"""Where the provider delivers its events."""

import logging

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from marketplace.provider import tasks
from marketplace.provider.inbox import UnableToReceiveEvent, receive

log = logging.getLogger(__name__)
LIMIT_BYTES = 256 * 1024


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Keep an event and say so, at once; 400 says that nothing was kept. Not there while no secret is set."""
    if not any(settings.STRIPE["webhook_secrets"]):
        raise Http404
    body = request.read(LIMIT_BYTES + 1)
    if len(body) > LIMIT_BYTES:
        return HttpResponse("the body is too large", status=400, content_type="text/plain")
    try:
        new = receive(body, request.headers.get("Stripe-Signature", ""), timezone.now())
    except UnableToReceiveEvent as refusal:
        log.warning("a delivery was refused: %s", refusal)
        return HttpResponse(str(refusal), status=400, content_type="text/plain")
    if new:
        tasks.soon()
    return HttpResponse(status=200)
