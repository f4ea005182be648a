"""What a client may ask for: models, the router among them, tools."""
