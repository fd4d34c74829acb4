"""Examines, encodes, joins and converts clips, as bytes in memory; splits texts into sentences."""

from ttscache.audio.codecs import encode
from ttscache.audio.containers import begins_as, begins_as_file, is_enough_to_tell, is_text
from ttscache.audio.formats import FORMATS, PCM_RATE, AudioFormat, format_named
from ttscache.audio.inspection import Sound, check_whole, examine, examine_leniently, examine_refused
from ttscache.audio.joining import convert, join
from ttscache.audio.plausibility import longest_seconds, shortest_seconds
from ttscache.audio.sentences import Cue, cues, split_text

__all__ = [
    "FORMATS",
    "PCM_RATE",
    "AudioFormat",
    "Cue",
    "Sound",
    "begins_as",
    "begins_as_file",
    "check_whole",
    "convert",
    "cues",
    "encode",
    "examine",
    "examine_leniently",
    "examine_refused",
    "format_named",
    "is_enough_to_tell",
    "is_text",
    "join",
    "longest_seconds",
    "shortest_seconds",
    "split_text",
]
