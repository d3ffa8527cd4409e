"""May I? One question, one answer: only for a studio's API key."""

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, parameters, terms_answers, terms_shapes
from marketplace.api.asked import body, project_in, studio_of
from marketplace.api.door import Door
from marketplace.api.errors import InvalidRequest
from marketplace.api.problems import Finding
from marketplace.api.views.holding import person_in
from marketplace.api.views.terms import unreadable
from marketplace.licensing.permits import may
from marketplace.licensing.terms.using import UnreadableUse


class May(Door):
    """May I?"""

    @extend_schema(
        operation_id="may_i",
        summary="Ask whether the studio may use a file so",
        tags=["terms"],
        request=terms_shapes.MayRequest,
        responses=documentation.answers(
            terms_shapes.MayShape,
            *("invalid-json", "api-key-missing", "too-large", "unsupported-media-type", "invalid-request"),
        ),
        examples=[documentation.request_example("a film", parameters.MAY_REQUEST)],
    )
    def post(self, request: Request) -> Response:
        """This will say whether the key's studio may use a file, or a whole release, so: yes or no with every reason,
        what the use brings with it, and the license that it goes by. Nothing is written. Unknown bytes are no error:
        the answer is no.
        """
        asked, studio = body(request, terms_shapes.MayRequest), studio_of(request)
        person = None
        if "person" in asked:
            person = person_in(studio, asked["person"])
            if person is None:
                message = _("Nobody in your studio has the address %s.") % asked["person"]
                raise InvalidRequest([Finding("body", "/person", message)])
        try:
            permit = may(
                digest=asked["sha256"],
                use=terms_shapes.use_from(asked["use"]),
                studio=studio,
                project=project_in(asked, studio),
                person=person,
                now=timezone.now(),
            )
        except UnreadableUse as error:
            raise unreadable(error) from None
        return Response(terms_answers.permit(permit))
