"""Pictures made of what is no picture: a network's layers, a skeleton, a model."""
