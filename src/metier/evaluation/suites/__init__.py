"""Suites of examples: the retention suites of this project, and any multiple-choice file."""
