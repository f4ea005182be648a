"""From documents to questions and answers that are true to them."""
