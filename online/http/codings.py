"""Packed bodies: as gzip or zstd, in both directions."""

import asyncio

import pyarrow as pa

from slate.online.http.refusals import Refused

# In the order in which answers are packed where several are accepted.
CODINGS = ("zstd", "gzip")
# Answers that are shorter gain nothing.
SHORT = 1_000


def unpacked(body: bytes, coding: str, most: int) -> bytes:
    """A body as it was before it was packed.

    Args:
        body: the body.
        coding: how it is packed, as the header Content-Encoding says; empty if it is not.
        most: how many bytes it may have.

    Raises:
        Refused: it is packed otherwise, or larger.
    """
    if coding in ("", "identity"):
        return body
    if coding not in CODINGS:
        raise Refused(415, f"the body is packed as {coding}: use {' or '.join(CODINGS)}, or none")
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), coding) as stream:
            found: bytes = stream.read(most + 1)
    except (pa.ArrowException, OSError) as error:
        raise Refused(400, f"the body is not {coding} ({error}): see what packs it") from None
    if len(found) > most:
        raise too_large(most)
    return found


def too_large(most: int) -> Refused:
    """The refusal of a body that has more bytes than it may have."""
    return Refused(
        413,
        f"the body has more than {most:,} bytes: ask for fewer rows at once, or start "
        "`slate serve` with --max-body",
    )


async def packed(body: bytes | pa.Buffer, accepted: str) -> tuple[bytes | pa.Buffer, str]:
    """A body as it is sent, and the coding of that; empty where it is not packed.

    Args:
        body: the body.
        accepted: the header Accept-Encoding.
    """
    codings = [one.partition(";")[0].strip().lower() for one in accepted.split(",")]
    coding = next((one for one in CODINGS if one in codings), "")
    if not coding or len(memoryview(body)) < SHORT:
        return body, ""
    codec = pa.Codec(coding, compression_level=1)
    # It lets other requests go on meanwhile.
    return await asyncio.to_thread(codec.compress, body, asbytes=True), coding
