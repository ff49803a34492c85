"""How displayed English is said."""
