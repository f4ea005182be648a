"""Pages for people, and the reference that is written from the code."""
