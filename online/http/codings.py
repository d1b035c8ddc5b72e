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
    coding = coding.lower()
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


def named(accepted: str) -> set[str]:
    """What a header such as Accept or Accept-Encoding names, but for what it refuses by ``q=0``."""
    found = set()
    for one in accepted.lower().split(","):
        name, *parameters = [part.strip() for part in one.split(";")]
        weights = [given.removeprefix("q=") for given in parameters if given.startswith("q=")]
        if all(weight.strip("0.") for weight in weights):
            found.add(name)
    return found


async def packed(body: bytes | pa.Buffer, accepted: str) -> tuple[bytes | pa.Buffer, str]:
    """A body as it is sent, and the coding of that; empty where it is not packed.

    Args:
        body: the body.
        accepted: the header Accept-Encoding.
    """
    codings = named(accepted)
    coding = next((one for one in CODINGS if one in codings), "")
    if not coding or len(memoryview(body)) < SHORT:
        return body, ""
    codec = pa.Codec(coding, compression_level=1)
    # It lets other requests go on meanwhile.
    return await asyncio.to_thread(codec.compress, body, asbytes=True), coding
