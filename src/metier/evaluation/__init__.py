"""Measuring candidates; the only reader of the test split."""
