"""HTTP: one module for each family of routes."""
