"""What a model may write: one of several texts, or JSON that a schema accepts."""
