"""A world to walk through on the first day: demo people, their packs, and the play that publishes and sells them."""
