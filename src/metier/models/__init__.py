"""Language models and embedders behind one contract."""
