"""What a row must pass before it is kept, each check with its reason."""
