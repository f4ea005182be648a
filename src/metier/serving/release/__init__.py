"""The chosen specialist as a plain directory that answers anywhere."""
