"""Between subtitles as they were read and the transcripts that the rest of the program works on."""

from __future__ import annotations

from dataclasses import replace

from crisp_align.formats.cue_text import transcript_of, turns
from crisp_align.formats.document import Line, StyledRun, SubtitleCue, SubtitleDocument, plain_cue
from crisp_align.formats.format import Format, WriteOptions
from crisp_align.formats.merging import merge_equal_times, merge_frames
from crisp_align.transcript import Cue, Transcript, Word

__all__ = ["document_of_transcript", "plain_cues", "plain_transcript", "writes_words"]


def document_of_transcript(transcript: Transcript, format: str = "") -> SubtitleDocument:
    """A cue of one line for each segment that shows something; where speakers change, a new line begins.

    Args:
        transcript: kept together with the cues, so that formats of words lose none of their times.
        format: name of the format that it was read from.
    """
    cues: list[SubtitleCue] = []
    for segment in transcript.segments:
        lines: list[Line] = [(StyledRun(shown, speaker=speaker),) for speaker, shown in turns(segment)]
        if lines:
            cues.append(SubtitleCue(segment.start, segment.end, tuple(lines)))
    return SubtitleDocument(
        tuple(cues),
        transcript.source,
        format,
        transcript.language,
        notices=transcript.notices,
        transcript=transcript,
    )


def plain_transcript(document: SubtitleDocument, *, merged: bool = False) -> Transcript:
    """The words of a document: those of its transcript, where it has one, else what its cues show.

    Args:
        document: subtitles.
        merged: whether cues of one time are one segment, and so are those of something drawn frame by frame.
    """
    if document.transcript is not None:
        return replace(document.transcript, notices=document.notices)
    cues = document.cues
    if merged:
        cues = merge_equal_times(merge_frames(cues))
    transcript = transcript_of([plain_cue(cue) for cue in cues], document.source, document.language)
    return replace(transcript, notices=document.notices)


def plain_cues(document: SubtitleDocument) -> list[Cue]:
    """The cues of a document as words: with the times of its transcript, where it has one."""
    if document.transcript is None:
        return [plain_cue(cue) for cue in document.cues]
    cues: list[Cue] = []
    for segment in document.transcript.segments:
        turns: list[list[Word]] = []
        for word in segment.words:
            if turns and turns[-1][0].speaker == word.speaker:
                turns[-1].append(word)
            else:
                turns.append([word])
        cues.append(Cue(segment.start, segment.end, tuple(map(tuple, turns))))
    return cues


def writes_words(document: SubtitleDocument, format: Format, options: WriteOptions) -> bool:
    """Whether words are marked one by one, by times that the document does not have; its styles are lost then."""
    if format.document_writer is None:
        return False
    if options.highlight_words:
        return True
    timed = any(run.start is not None for cue in document.cues for line in cue.lines for run in line)
    return options.karaoke != "none" and not timed
