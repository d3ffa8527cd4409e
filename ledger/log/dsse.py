"""What is signed when a person signs: the pre-authentication encoding of DSSE v1."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return PAE(type, payload) of the Dead Simple Signing Envelope, protocol.md of secure-systems-lab/dsse v1.0."""
    name = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
