"""The rungs of the ladder: one file per method."""
