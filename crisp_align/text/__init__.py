"""What text is made of: units, widths, places to break."""
