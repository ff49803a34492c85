"""Weights by name: where they are, how they are fetched and checked, and where they run."""
