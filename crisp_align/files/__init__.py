"""Local files that appear whole or not at all, and what processes leave behind."""
