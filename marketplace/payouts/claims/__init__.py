"""Payouts that creators claim on a chain: one root over what every account was ever given."""
