"""See what waits between us and the payment provider."""
