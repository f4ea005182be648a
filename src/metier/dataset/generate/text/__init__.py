"""What a passage says: its sentences, the facts in them, and words to ask for each."""
