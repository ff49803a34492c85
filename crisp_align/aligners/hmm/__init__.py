"""Forced alignment with hidden Markov models: PocketSphinx acoustic models, our own search."""
