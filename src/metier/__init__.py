"""metier gives a language model a trade."""
