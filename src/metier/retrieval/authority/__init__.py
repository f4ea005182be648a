"""Whose word is the last: of whom a passage speaks, when it held, how high its source stands."""
