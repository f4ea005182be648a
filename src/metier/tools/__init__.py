"""What a model may call while it answers: search, Python in a sandbox, MCP servers; and plans."""
