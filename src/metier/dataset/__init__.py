"""Examples of a task: made from a corpus, split, and checked against leaks."""
