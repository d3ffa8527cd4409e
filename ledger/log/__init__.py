"""The RFC 6962 Merkle log as C2SP tiles, checkpoints and proofs."""
