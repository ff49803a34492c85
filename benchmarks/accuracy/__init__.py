"""How well words are timed, against times labelled by hand, and whether texts of other audio are refused."""
