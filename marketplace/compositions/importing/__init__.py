"""Which registered packs made this? Outputs of other tools, read for what they name. docs/formats/import.md."""
