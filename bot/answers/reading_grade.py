"""The Flesch-Kincaid grade of a text: how many years of school it asks for."""

import re

SILENT = re.compile(r"(?<=[^aeiouy])(?:e|es|ed)$")  # the last vowel of "time", "times", "timed"
SPOKEN = re.compile(r"(?:[^aeiouy]le|[td]ed|(?:[sxz]|sh|ch|c|g)es)$")  # that of "little", "treated", "doses"


def reading_grade(text: str) -> float:
    """The grade; a line break ends a sentence as a full stop does."""
    sentences = [part for part in re.split(r"[.!?]+\s|\n", f"{text}\n") if re.search(r"[A-Za-z]", part)]
    words = re.findall(r"[A-Za-z][A-Za-z'’]*", text)
    syllables = sum(map(_syllables, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    word = word.lower()
    if not SPOKEN.search(word):
        word = SILENT.sub("", word)
    return max(1, len(re.findall(r"[aeiouy]+", word)))
