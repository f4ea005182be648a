"""Origins of documents: one file per kind."""
