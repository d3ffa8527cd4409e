"""The connection to a payment provider: what we ask of it through an outbox, what it tells us through an inbox."""
