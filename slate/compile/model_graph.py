"""Which models of a dbt project read which, as their texts say."""

import re
from collections import defaultdict
from pathlib import Path

# `ref('model')`, or with the package that it is of; also with a version behind.
REFERENCE = re.compile(r"""ref\(\s*(?:['"]\w+['"]\s*,\s*)?['"](\w+)['"]\s*[,)]""")


def readers(project: Path) -> dict[str, list[str]]:
    """By model, the models that read it.

    Args:
        project: the dbt project's folder.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((project / "models").rglob("*.sql")):
        for model in dict.fromkeys(REFERENCE.findall(file.read_text())):
            found[model].append(file.stem)
    return dict(found)
