"""From a model's name to a directory with its weights."""
