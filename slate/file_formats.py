"""What kind of file a file is, by its first and last bytes, held against what its name says.

What reads a file of another kind, or one that was cut, fails in words of its own, far from the
cause; and of a compressed file that is damaged it may take what it finds for data.
"""

import gzip
import zlib
from pathlib import Path

from slate.errors import DataError

GZIP = ".gz"
_GZIP, _PARQUET, _DUCKDB = b"\x1f\x8b", b"PAR1", b"DUCK"
# DuckDB's stands behind a checksum.
_DUCKDB_AT = 8
# By their first bytes, what texts are not, and what to do.
_NO_TEXTS = {
    _GZIP: "is compressed by gzip: let its name end in .gz",
    _PARQUET: "is a Parquet file: let its name end in .parquet",
    b"PK\x03\x04": "is a zip archive, as spreadsheets are: unpack it, or save it as CSV",
    b"(\xb5/\xfd": "is compressed by zstd: unpack it, as by `zstd -d`",
    b"BZh": "is compressed by bzip2: unpack it, as by `bunzip2`",
    b"\xfd7zXZ": "is compressed by xz: unpack it, as by `unxz`",
    b"\xff\xfe": "is in UTF-16: convert it, as by `iconv -f utf-16 -t utf-8`",
    b"\xfe\xff": "is in UTF-16: convert it, as by `iconv -f utf-16 -t utf-8`",
}
_AT_ONCE = 1 << 20


def require_text(path: Path) -> None:
    """Refuse a file that is no text; or is named as a compressed one, and is none or not whole.

    Raises:
        DataError: saying what it is, and what to do.
        OSError: the disk fails.
    """
    begin, _ = _ends(path)
    if path.suffix.lower() == GZIP:
        if not begin.startswith(_GZIP):
            raise DataError(
                f"{path} is not compressed by gzip, though its name says so: take {GZIP} from it"
            )
        _require_whole(path)
        return
    for magic, told in _NO_TEXTS.items():
        if begin.startswith(magic):
            raise DataError(f"{path} {told}")


def require_parquet(path: Path) -> None:
    """Refuse a file that is no Parquet, or was cut.

    Raises:
        DataError: saying which.
        OSError: the disk fails.
    """
    begin, end = _ends(path)
    if not begin.startswith(_PARQUET):
        raise DataError(
            f"{path} is no Parquet file: it begins with {begin!r}; let its name end in what it is, "
            "as .csv or .jsonl"
        )
    if not end.endswith(_PARQUET):
        raise DataError(
            f"{path} is cut: its end, which says what is in it, is missing; copy or write it again"
        )


def require_duckdb(path: Path) -> None:
    """Refuse a file that DuckDB has not written.

    Raises:
        DataError: it is none.
        OSError: the disk fails.
    """
    begin, _ = _ends(path)
    if begin[_DUCKDB_AT:] != _DUCKDB:
        raise DataError(
            f"{path} is no DuckDB file: it begins with {begin!r}; let its name end in what it is, "
            "as .csv or .parquet"
        )


def require_utf8(path: Path) -> None:
    """Refuse a text with a line that is not in UTF-8.

    Raises:
        DataError: naming the first such line.
        OSError: the disk fails.
    """
    opened = gzip.open if path.suffix.lower() == GZIP else open
    with opened(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}: line {number} is not in UTF-8 (the byte {line[error.start]:#04x}): "
                    "convert the file, as by `iconv -f latin1 -t utf-8`"
                ) from error


def _ends(path: Path) -> tuple[bytes, bytes]:
    """The first bytes of a file, and the last ones.

    Raises:
        DataError: it is empty.
    """
    with path.open("rb") as file:
        begin = file.read(_DUCKDB_AT + len(_DUCKDB))
        size = file.seek(0, 2)
        file.seek(max(0, size - len(_PARQUET)))
        end = file.read()
    if not size:
        raise DataError(f"{path} is empty: it has neither columns nor rows")
    return begin, end


def _require_whole(path: Path) -> None:
    """Refuse a compressed file that is cut, or whose checksum is not that of what it holds."""
    try:
        with gzip.open(path, "rb") as file:
            while file.read(_AT_ONCE):
                pass
    except EOFError as error:
        raise DataError(
            f"{path} is cut: it ends before what is compressed in it does; copy or write it again"
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path} is damaged: it cannot be unpacked to what was compressed ({error}); copy or "
            "write it again"
        ) from error
