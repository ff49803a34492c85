"""Voice activity, and sound cut into clips at pauses."""
