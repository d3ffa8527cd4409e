"""People, creators, studios, seats and API keys."""
