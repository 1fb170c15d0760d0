"""How wide a text is at most, and how it is broken into lines.

Which sans-serif a machine has is not known before it draws. The widths are the largest of three that between them
stand for most (Liberation Sans, as wide as Arial and Helvetica, the wide DejaVu Sans, and the Latin letters of Noto
Sans CJK), so that no text runs into the next column.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# advance of U+0020 … U+007E in 1/1000 em
_REGULAR = (
    318, 401, 474, 838, 637, 951, 780, 278, 391, 391, 500, 838, 318, 361, 318, 392, 637, 637, 637, 637, 637, 637,
    637, 637, 637, 637, 337, 337, 838, 838, 838, 557, 1016, 685, 687, 723, 771, 667, 611, 778, 752, 295, 535, 667,
    558, 863, 749, 788, 667, 788, 723, 667, 611, 732, 685, 989, 686, 667, 686, 391, 392, 391, 838, 559, 606, 613,
    635, 550, 635, 616, 353, 635, 634, 278, 278, 580, 284, 975, 634, 612, 635, 635, 412, 521, 393, 634, 592, 818,
    592, 592, 525, 637, 337, 637, 838,
)  # fmt: skip
_BOLD = (
    349, 457, 574, 838, 696, 1002, 873, 325, 458, 458, 523, 838, 380, 416, 380, 387, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 696, 400, 400, 838, 838, 838, 611, 1007, 774, 763, 734, 831, 684, 684, 821, 837, 373, 568, 775,
    638, 996, 837, 851, 733, 851, 771, 721, 683, 813, 774, 1104, 771, 725, 726, 458, 387, 458, 838, 567, 626, 675,
    716, 593, 716, 679, 436, 716, 712, 343, 343, 666, 343, 1042, 712, 688, 716, 716, 494, 596, 479, 712, 652, 924,
    646, 652, 583, 712, 366, 712, 838,
)  # fmt: skip
_SIGNS = dict.fromkeys("·–‘’“”µ±×÷≤≥°²³§¹½¼¾•€£¥−", 850)
_SMALL_LETTER, _OTHER, _WIDE = 1060, 1250, 1000


@lru_cache(maxsize=4096)
def is_wide(character: str) -> bool:
    """Whether a character belongs to a Chinese, Japanese or Korean font."""
    return unicodedata.east_asian_width(character) in ("W", "F")


def width(text: str, size: float, bold: bool = False) -> float:
    """An upper bound of the width [pt]."""
    table = _BOLD if bold else _REGULAR
    return sum(_advance(character, table) for character in text) * size / 1000


@lru_cache(maxsize=8192)
def _advance(character: str, table: tuple[int, ...]) -> int:
    bare = unicodedata.normalize("NFD", character)[0]
    if " " <= bare <= "~":
        return table[ord(bare) - 32]
    if unicodedata.combining(character):
        return 0
    if is_wide(character):
        return _WIDE
    return _SIGNS.get(character) or (_SMALL_LETTER if character.islower() else _OTHER)


def wrapped(text: str, size: float, room: float, bold: bool = False) -> list[str]:
    """The text in lines that fit; a word longer than a line is broken, nothing is cut off."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for part in _parts(paragraph):
            if width((line + part).rstrip(), size, bold) <= room:
                line += part
                continue
            if line.strip():
                lines.append(line.rstrip())
            line = part.lstrip()
            while width(line, size, bold) > room and len(line) > 1:
                cut = _fitting(line, size, room, bold)
                lines.append(line[:cut])
                line = line[cut:]
        lines.append(line.rstrip())
    return lines


def _parts(text: str) -> list[str]:
    """Pieces that may stand on a line of their own: words with the space after them, and wide characters."""
    parts: list[str] = []
    word = ""
    for character in text:
        if is_wide(character):
            parts += [word, character] if word else [character]
            word = ""
        else:
            word += character
            if character == " " or (character in "-/,;" and len(word) > 12):
                parts.append(word)
                word = ""
    return [*parts, word] if word else parts


def _fitting(text: str, size: float, room: float, bold: bool) -> int:
    """How many characters fit, at least one; a combining mark stays with its letter."""
    cut = 1
    while cut < len(text) and width(text[: cut + 1], size, bold) <= room:
        cut += 1
    while cut < len(text) and unicodedata.combining(text[cut]):
        cut += 1
    return cut


def has_wide(text: str) -> bool:
    """Whether a Chinese, Japanese or Korean font has to draw the text; such a font has Latin letters too."""
    return any(map(is_wide, text))
