"""Print the path of the file of clicks that the package retentioneering carries.

The package itself is not imported: much that it needs is not needed here.
"""

from importlib.util import find_spec
from pathlib import Path

CLICKS = Path(find_spec("retentioneering").origin).parent / "datasets" / "ecom.csv.gz"

if __name__ == "__main__":
    print(CLICKS)
