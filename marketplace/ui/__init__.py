"""The look: tokens, components, base templates; no views."""
