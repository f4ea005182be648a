"""Who writes questions and answers: forms of facts, and models in two roles."""
