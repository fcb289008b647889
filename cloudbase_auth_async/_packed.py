"""Undo what `Content-Encoding` says was done to an answer, never past a limit."""

import zlib
from typing import Final

_MOST_MEMBERS: Final = 64  # of a gzip file; each copies what is left


def unpacked(packed: bytes, encoding: str | None, limit: int) -> bytes | zlib.error | None:
    """
    Undo gzip and deflate; None if there is more than the limit.

    aiohttp would do it too, but its older releases unpack a bomb whole before we see it.

    Args:
        packed: the body as it came.
        encoding: what the header says, if it is there.
        limit: bytes that may come out.
    """
    if encoding in (None, "", "identity"):
        return packed
    body = b""
    try:
        for _ in range(_MOST_MEMBERS):
            inflater = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib
            body += inflater.decompress(packed, limit + 1 - len(body))
            if len(body) > limit:
                return None
            if not inflater.eof:
                return zlib.error("cut off")
            packed = inflater.unused_data
            if not packed:
                return body
    except zlib.error as failure:
        return failure
    return zlib.error("too many members")
