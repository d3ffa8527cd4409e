"""Layers that a provider makes on request: the protocol, its client, and the runner that composites."""
