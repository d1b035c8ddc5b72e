"""What is told as a data folder that cannot be written, and what is not."""

import errno
import sqlite3
from pathlib import Path

import pytest

from slate.errors import ConfigurationError, DataError
from slate.orchestration.runs import _refusals_of_the_disk
from tests.orchestration import small


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (sqlite3.OperationalError("disk I/O error"), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (PermissionError(errno.EACCES, "Permission denied", "{data}/dagster"), True),
        (FileNotFoundError(errno.ENOENT, "No such file", "/elsewhere/model.bin"), False),
        (ConfigurationError("the module is wrong"), False),
    ],
)
def test_only_what_is_of_its_disk(tmp_path: Path, raised: Exception, told: bool) -> None:
    deployment = small.place(tmp_path, "views")
    if isinstance(raised, OSError) and raised.filename:
        raised.filename = raised.filename.format(data=deployment.data)
    raised.__context__ = OSError(errno.ENOENT, "No such file", "/of/something/before")
    with (
        pytest.raises(DataError if told else type(raised)) as found,
        _refusals_of_the_disk(deployment),
    ):
        raise raised
    assert ("cannot be written" in str(found.value)) is told
