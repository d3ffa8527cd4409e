"""Commands for whoever operates the house."""
