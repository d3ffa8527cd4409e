"""Stories, properties and the architecture."""
