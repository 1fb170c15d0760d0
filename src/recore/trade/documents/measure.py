"""How wide a text is at most, and how it is broken into lines.

Which sans-serif a machine has is not known before it draws. The widths are the larger ones of two that between
them stand for most (Liberation Sans, as wide as Arial and Helvetica, and the wide DejaVu Sans), so that no text
runs into the next column.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# advance of U+0020 … U+007E in 1/1000 em
_REGULAR = (
    318, 401, 460, 838, 637, 951, 780, 275, 391, 391, 500, 838, 318, 361, 318, 337, 637, 637, 637, 637, 637, 637, 637,
    637, 637, 637, 337, 337, 838, 838, 838, 557, 1016, 685, 687, 723, 771, 667, 611, 778, 752, 295, 500, 667, 558, 863,
    749, 788, 667, 788, 723, 667, 611, 732, 685, 989, 686, 667, 686, 391, 337, 391, 838, 557, 500, 613, 635, 550, 635,
    616, 353, 635, 634, 278, 278, 580, 278, 975, 634, 612, 635, 635, 412, 521, 393, 634, 592, 818, 592, 592, 525, 637,
    337, 637, 838,
)  # fmt: skip
_BOLD = (
    349, 457, 521, 838, 696, 1002, 873, 307, 458, 458, 523, 838, 380, 416, 380, 366, 696, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 400, 400, 838, 838, 838, 611, 1000, 774, 763, 734, 831, 684, 684, 821, 837, 373, 557, 775, 638, 996,
    837, 851, 733, 851, 771, 721, 683, 813, 774, 1104, 771, 725, 726, 458, 366, 458, 838, 557, 500, 675, 716, 593, 716,
    679, 436, 716, 712, 343, 343, 666, 343, 1042, 712, 688, 716, 716, 494, 596, 479, 712, 652, 924, 646, 652, 583, 712,
    366, 712, 838,
)  # fmt: skip
_OTHER = 850
_WIDE = 1000


@lru_cache(maxsize=4096)
def is_wide(character: str) -> bool:
    """Whether a character belongs to a Chinese, Japanese or Korean font."""
    return unicodedata.east_asian_width(character) in ("W", "F")


def width(text: str, size: float, bold: bool = False) -> float:
    """An upper bound of the width [pt]."""
    table = _BOLD if bold else _REGULAR
    total = 0
    for character in text:
        code = ord(character)
        if 32 <= code < 127:
            total += table[code - 32]
        elif not unicodedata.combining(character):
            total += _WIDE if is_wide(character) else _OTHER
    return total * size / 1000


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


def runs(text: str) -> list[tuple[bool, str]]:
    """The text in runs of one kind of font: (wide, characters)."""
    found: list[tuple[bool, str]] = []
    for character in text:
        wide = is_wide(character)
        if found and (found[-1][0] == wide or unicodedata.combining(character)):
            found[-1] = (found[-1][0], found[-1][1] + character)
        else:
            found.append((wide, character))
    return found
