"""Creators’ accounts with the payment provider: opening them, what Stripe still asks for, what it says of them."""
