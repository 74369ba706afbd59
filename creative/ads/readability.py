"""How easy texts are to read, from 0 to 1, by what is published for their language.

Languages of Europe: Flesch's reading ease / 100, in the form that was fitted to each. It needs
words per sentence and syllables per word; 60 to 70 is plain language, 100 is as easy as it gets.

    en  R. Flesch, A new readability yardstick, 1948
    de  T. Amstad, Wie verständlich sind unsere Zeitungen?, 1978
    es  J. Fernández Huerta, Medidas sencillas de lecturabilidad, 1959
    fr  L. Kandel and A. Moles, Application de l'indice de Flesch à la langue française, 1958
    it  V. Franchina and R. Vacca, Adaptation of Flesch readability index, 1986
    nl  W. H. Douma, De leesbaarheid van landbouwbladen, 1960
    pt  T. Martins and others, Readability formulas applied to textbooks in Brazilian Portuguese, 1996
    ru  I. Oborneva, Automated assessment of the complexity of texts, 2006

Chinese and Japanese: characters per sentence. Japan's Agency for Cultural Affairs warns that a
sentence becomes hard to read from 50 to 60 characters on (Koyobun sakusei no kangaekata, 2022,
III-3): an empty sentence is 1, one of 60 is 0, straight between. Nothing of the kind is published
for advertisements in Chinese, which take the same measure.

Other languages are not measured.
"""  # noqa: E501 - a title in one piece

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

FORMULAS = {
    "en": (206.835, 1.015, 84.6),
    "de": (180.0, 1.0, 58.5),
    "es": (206.84, 1.02, 60.0),
    "fr": (207.0, 1.015, 73.6),
    "it": (217.0, 1.3, 60.0),
    "nl": (206.84, 0.93, 77.0),
    "pt": (248.835, 1.015, 84.6),
    "ru": (206.835, 1.3, 60.1),
}
"""The constant, and what a word in the sentence and a syllable in the word take off."""
HARD_SENTENCE_CHARACTERS = 60

_ENDS = re.compile(r"[.!?…]+(?=\s|$)|[。！？!?]+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# Each vowel of a word is a syllable in Russian; elsewhere neighbours are one.
_VOWELS = {"ru": re.compile(r"[аеёиоуыэюя]")}
_VOWEL_GROUP = re.compile(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüýÿ]+")
# What is written and not spoken at the end: "late", "portes", "parlent".
_SILENT = {
    "en": re.compile(r"(?<=[^aeiouy])(?<![^aeiouy]l)e$|(?<=[^aeiouytd])ed$"),
    "fr": re.compile(r"(?<=[^aeiouyàâéèêëîïôûù])(?:e|es|ent)$"),
}


def readability(texts: Sequence[str], language: str) -> float | None:
    """Of `texts` together, each of which is at least one sentence; None: nothing to measure.

    Args:
        texts: of one variant.
        language: BCP 47.
    """
    base = language.replace("_", "-").partition("-")[0].lower()
    sentences = [part.strip() for text in texts for part in _ENDS.split(text) if part.strip()]
    if base in ("zh", "ja"):
        lengths = [len("".join(one.split())) for one in sentences]
        mean = sum(lengths) / max(1, len(lengths))
        return _within(1.0 - mean / HARD_SENTENCE_CHARACTERS) if lengths else None
    words = [word for sentence in sentences for word in _WORD.findall(sentence)]
    if base not in FORMULAS or not words:
        return None
    constant, by_words, by_syllables = FORMULAS[base]
    each = len(words) / len(sentences)
    syllables_each = sum(syllables(word, base) for word in words) / len(words)
    return _within((constant - by_words * each - by_syllables * syllables_each) / 100.0)


def syllables(word: str, language: str) -> int:
    """About how many syllables a word has: its groups of vowels that are spoken, at least 1.

    >>> [syllables(word, "en") for word in ("late", "table", "roasted", "tested", "coffee")]
    [1, 2, 2, 2, 2]
    """
    folded = unicodedata.normalize("NFC", word).lower()
    if language in _SILENT:
        folded = _SILENT[language].sub("", folded)
    return max(1, len(_VOWELS.get(language, _VOWEL_GROUP).findall(folded)))


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))
