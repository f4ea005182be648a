"""Changing weights: what is trained on, how fast, and what keeps it from doing harm."""
