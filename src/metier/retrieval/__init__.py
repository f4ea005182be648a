"""Finding passages, and proving what an answer rests on."""
