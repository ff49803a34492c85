"""Speed and memory of Qwen3-ForcedAligner here and elsewhere."""
