"""The replay law: what every entry must satisfy, given all entries before it (docs/formats/law.md)."""
