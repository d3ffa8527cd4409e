"""What a laptop needs and a data center brings itself: PostgreSQL; processes that end with their parent."""
