"""What members of one name are called in the API's description that take different words, each by what it is."""

ENUM_NAMES = {
    "AlternativeKind": "marketplace.api.terms_shapes.ALTERNATIVE_KINDS",
    "FixKind": "marketplace.api.terms_shapes.FIX_KINDS",
    "GrantKind": "marketplace.api.serializers.GRANT_KINDS",
    "GrantState": "marketplace.licensing.queries.STATES",
    "OrderLineKind": "marketplace.api.order_shapes.LINE_KINDS",
    "OrderState": "marketplace.checkout.order_states.WORDS",
    "PaperKind": "marketplace.checkout.papers.model.KINDS",
    "ProofState": "marketplace.api.serializers.PROOF_STATES",
    "QuoteSide": "marketplace.api.order_shapes.STEP_SIDES",
    "QuoteState": "marketplace.api.order_shapes.QUOTE_STATES",
    "QuoteStepKind": "marketplace.api.order_shapes.STEP_KINDS",
    "ReadForm": "marketplace.api.terms_shapes.READ_FORMS",
    "RefundRequestState": "marketplace.api.payment_shapes.REQUEST_STATES",
    "RefundState": "marketplace.api.payment_shapes.REFUND_STATES",
    "RightKind": "marketplace.api.terms_shapes.RIGHT_KINDS",
    "RunLayerState": "marketplace.compositions.services.queries.LAYER_STATES",
    "RunState": "marketplace.compositions.services.queries.RUN_STATES",
    "SubscriptionState": "marketplace.checkout.subscription_states.STATES",
    "WrittenForm": "marketplace.api.terms_shapes.WRITTEN_FORMS",
}
