"""Addresses of the portal."""

from django.urls import path

from marketplace.portal.views import claims, earnings, hand_in, keys, packs, parts, publish, sell, submissions, uploads

urlpatterns = [
    path("", sell.sell, name="sell"),
    path("entries.jsonl", sell.entries, name="portal-entries"),
    path("publish", publish.publish, name="publish"),
    path("publish/folder", publish.publish_folder, name="publish-folder"),
    path("earnings", earnings.earnings, name="earnings"),
    path("earnings.csv", earnings.earnings_csv, name="earnings-csv"),
    path("submissions", submissions.submissions, name="submissions"),
    path("submissions/<uuid:submission>", submissions.submission, name="submission"),
    path("submissions/<uuid:submission>/retry", submissions.retry, name="submission-retry"),
    path("submissions/<uuid:submission>/withdraw", submissions.withdraw, name="submission-withdraw"),
    path("hand-in", hand_in.hand_in, name="hand-in"),
    path("hand-in/<uuid:submission>", hand_in.handed_in, name="handed-in"),
    path("claims", claims.claims, name="claims"),
    path("claims/<uuid:claim>", claims.claim, name="claim"),
    path("claims/<uuid:claim>/answer", claims.answer, name="claim-answer"),
    path("claims/<uuid:claim>/picture", claims.picture, name="claim-picture"),
    path("claims/<uuid:claim>/picture/claimed", claims.picture, {"side": "claimed"}, name="claim-picture-claimed"),
    path("report/<slug:owner>/<slug:pack>/<str:version>", claims.report, name="report"),
    path("packs/<slug:pack>", packs.pack, name="portal-pack"),
    path("offers/<uuid:offer>/withdraw", packs.withdraw, name="portal-withdraw"),
    path("uploads/", uploads.uploads, name="uploads"),
    path("uploads/known", uploads.known, name="uploads-known"),
    path("uploads/known/answer", uploads.known_answer, name="uploads-known-answer"),
    path("uploads/direct", parts.begin, name="uploads-direct"),
    path("uploads/direct/<uuid:upload_id>", parts.one, name="upload-direct"),
    path("uploads/direct/<uuid:upload_id>/sign", parts.sign, name="upload-direct-sign"),
    path("uploads/direct/<uuid:upload_id>/finish", parts.finish, name="upload-direct-finish"),
    path("uploads/<uuid:upload_id>", uploads.upload, name="upload"),
    path("uploads/<uuid:upload_id>/inspection", uploads.inspection, name="upload-inspection"),
    path("keys", keys.keys, name="portal-keys"),
    path("keys/<uuid:key_id>/revoke", keys.revoke, name="portal-key-revoke"),
]
