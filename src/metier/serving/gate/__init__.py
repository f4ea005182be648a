"""Who may come in, with what, and what is accounted for."""
