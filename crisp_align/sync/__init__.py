"""Texts and subtitles that exist already, brought into time with a recording or with another subtitle file."""
