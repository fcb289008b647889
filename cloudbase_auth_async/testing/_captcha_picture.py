"""
Digits as a picture a person can read: a GIF made by hand, in an RFC 2397 data URI.

Nothing here draws lines through the digits; what is tested is the flow, not the reader.
"""

import base64
import struct
from collections.abc import Iterator
from typing import Final

# Three pixels by five for each digit, row by row.
_GLYPHS: Final = (
    "111101101101111",
    "010110010010111",
    "111001111100111",
    "111001111001111",
    "101101111001001",
    "111100111001111",
    "111100111101111",
    "111001001001001",
    "111101111101111",
    "111101111001111",
)
_COLUMNS: Final = 3
_ROWS: Final = 5
_SCALE: Final = 4
# The two values of a pixel need a code size of 2, the smallest GIF has; with the two
# control codes every code then takes three bits.
_CODE_SIZE: Final = 2
_CLEAR: Final = 4
_END: Final = 5
_BITS: Final = 3
_BLOCK: Final = 255
_WHITE_AND_BLACK: Final = b"\xff\xff\xff\x00\x00\x00"


def data_uri(digits: str) -> str:
    """Return `data:image/gif;base64,...` that shows the digits."""
    return "data:image/gif;base64," + base64.b64encode(_gif(_pixels(digits))).decode()


def _pixels(digits: str) -> list[list[int]]:
    """Return the rows of the picture: 1 is black; a blank pixel surrounds each digit."""
    blank = [0] * (len(digits) * (_COLUMNS + 1) + 1)
    rows = [blank, *(_line(digits, row) for row in range(_ROWS)), blank]
    wide = [[pixel for pixel in row for _ in range(_SCALE)] for row in rows]
    return [row for row in wide for _ in range(_SCALE)]


def _line(digits: str, row: int) -> list[int]:
    line = [0]
    for digit in digits:
        glyph = _GLYPHS[int(digit)]
        line += [int(bit) for bit in glyph[row * _COLUMNS : (row + 1) * _COLUMNS]]
        line.append(0)
    return line


def _gif(rows: list[list[int]]) -> bytes:
    width, height = len(rows[0]), len(rows)
    # 0x80: a global colour table of two colours follows.
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + _WHITE_AND_BLACK
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + bytes([_CODE_SIZE])
    codes = _packed(_codes([pixel for row in rows for pixel in row]))
    blocks = (codes[start : start + _BLOCK] for start in range(0, len(codes), _BLOCK))
    image = b"".join(bytes([len(block)]) + block for block in blocks)
    return screen + frame + image + b"\x00;"


def _codes(pixels: list[int]) -> Iterator[int]:
    # A reader's table grows with each code, and its codes with the table: cleared after
    # every second pixel they never do.
    for start in range(0, len(pixels), 2):
        yield _CLEAR
        yield from pixels[start : start + 2]
    yield _END


def _packed(codes: Iterator[int]) -> bytes:
    """Return the codes as bits, the lowest first."""
    number, length = 0, 0
    for code in codes:
        number |= code << length
        length += _BITS
    return number.to_bytes((length + 7) // 8, "little")
