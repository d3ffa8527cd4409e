"""A stateful fake of Stripe on 127.0.0.1, each request and answer held against stripe-python's own types."""
