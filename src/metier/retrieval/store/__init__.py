"""A versioned store of passages: built, searched by meaning and by words, changed while asked."""
