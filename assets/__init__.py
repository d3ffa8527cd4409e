"""Bytes: receive, digest, inspect, compare, store."""
