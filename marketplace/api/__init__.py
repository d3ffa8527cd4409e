"""The licensing API for studios."""
