"""The embedded chain: an Ethereum Virtual Machine over one SQLite file, behind JSON-RPC on this machine only."""
