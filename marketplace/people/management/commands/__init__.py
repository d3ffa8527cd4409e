"""Name the people who run this house."""
