"""What an answer rests on: its claims, the support for each, how it is shown, when to be silent."""
