"""Layout measured: cost beside greedy packing, and time."""
