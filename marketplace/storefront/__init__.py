"""Pages for visitors and buyers."""
