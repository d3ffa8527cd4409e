"""Bytes on their way in: resumable, digested as they arrive, their owner's alone."""
