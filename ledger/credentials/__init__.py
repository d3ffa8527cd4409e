"""Content Credentials (C2PA): our own certificate authorities, and signed manifests inside pictures."""
