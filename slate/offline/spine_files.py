"""Files of rows: Parquet, CSV and JSON lines, read a part at a time."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from slate.errors import DataError, nearest
from slate.file_formats import require_parquet, require_text, require_utf8

PARQUET, CSV, JSON = (".parquet",), (".csv",), (".jsonl", ".ndjson", ".json")
_BATCH_ROWS = 122_880


class SpineFile:
    """A file of rows, or a folder of Parquet files.

    Args:
        path: the file.

    Raises:
        DataError: there is no such file, or it is of another type, or not of that which its name
            says.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._suffix = path, ".parquet" if path.is_dir() else path.suffix.lower()
        known = [*PARQUET, *CSV, *JSON]
        if not path.exists():
            raise DataError(f"there is no file {path}")
        if self._suffix not in known:
            hint = nearest(self._suffix, known)
            raise DataError(f"{path}: {self._suffix or 'no ending'} is unknown, {hint}")
        with self._told():
            if self._suffix not in PARQUET:
                require_text(path)
            elif not path.is_dir():
                require_parquet(path)

    @property
    def names(self) -> list[str]:
        """Its columns; of JSON lines those of the first.

        Raises:
            DataError: it cannot be read.
        """
        with self._told():
            if self._suffix in JSON:
                with self._path.open("rb") as lines:
                    first = json.loads(next((line for line in lines if line.strip()), b"{}"))
                if not isinstance(first, dict):
                    raise DataError(f"{self._path}: its first line is not a JSON object")
                return list(first)
            if self._suffix in CSV:
                from pyarrow import csv

                with csv.open_csv(self._path) as reader:
                    return list(reader.schema.names)
            from pyarrow import dataset

            return list(dataset.dataset(self._path, format="parquet").schema.names)

    def batches(self, types: Mapping[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        """Its rows in their order.

        Args:
            types: how to read columns of texts, which do not say it themselves.

        Raises:
            DataError: it cannot be read, or a value is not of its column's type.
        """
        with self._told():
            if self._suffix in JSON:
                yield from self._json(types)
            elif self._suffix in CSV:
                yield from self._csv(types)
            else:
                # Loads pandas where that is installed, and so only now.
                from pyarrow import dataset

                files = dataset.dataset(self._path, format="parquet", partitioning=None)
                yield from files.to_batches(batch_size=_BATCH_ROWS)

    def _json(self, types: Mapping[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        from pyarrow import json as jsons

        schema = pa.schema([(name, types[name]) for name in self.names if name in types])
        parse = jsons.ParseOptions(explicit_schema=schema)
        with jsons.open_json(self._path, parse_options=parse) as reader:
            yield from reader

    def _csv(self, types: Mapping[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        from pyarrow import csv

        # "NA" and "null" are texts like others, and may be keys.
        convert = csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        with csv.open_csv(self._path, convert_options=convert) as reader:
            yield from reader

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, pa.ArrowException) as error:
            if self._suffix not in PARQUET and not isinstance(error, OSError):
                require_utf8(self._path)
            reason = " ".join(str(error).split())
            raise DataError(f"{self._path} cannot be read: {reason}") from error
