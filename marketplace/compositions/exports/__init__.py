"""A lock written for the tools that render it, each with a label that says how faithful it is."""
