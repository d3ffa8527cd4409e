"""The addresses of the licensing API: one view, one verb."""
