"""What writes answers: batched in this process, in one of its own, or on another server."""
