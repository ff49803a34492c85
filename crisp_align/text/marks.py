"""Marks that several rooms look for around words."""

__all__ = ["DASHES", "OPENERS"]

DASHES = "-‐–—"
"""With which the words of another speaker begin, among other things; a hyphen first, as a class of characters needs."""

OPENERS = "“‘„‚«‹([{「『【〈《〔（［｛¿¡"
"""Quotes and brackets that belong to what follows, in some language at least."""
