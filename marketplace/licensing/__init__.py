"""Terms, offers, grants and certificates."""
