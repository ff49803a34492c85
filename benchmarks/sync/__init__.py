"""Texts and subtitles brought into time: ours beside others, on made films."""
