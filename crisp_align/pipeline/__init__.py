"""The route from media to timed transcripts."""
