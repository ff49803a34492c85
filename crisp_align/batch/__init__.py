"""Many files: planned, carried out, recorded, reported."""
