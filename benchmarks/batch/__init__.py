"""Batches of the real command, put to the test: pace and memory, kills, hostile files."""
