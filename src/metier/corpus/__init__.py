"""Cleaning, duplicates, chunks, splits and leaks of a corpus."""
