"""Options of commands that read files."""

import argparse


def reading(parser: argparse.ArgumentParser) -> None:
    """What is said of how a file is written."""
    parser.add_argument("--table", metavar="NAME", default="", help="of a DuckDB file")
    parser.add_argument(
        "--null",
        metavar="WORD",
        action="append",
        default=[],
        help="a word that stands for no value, such as NA; may be repeated",
    )
    parser.add_argument(
        "--decimal",
        choices=[","],
        default="",
        help="numbers have a comma for the decimal point, and maybe points between thousands",
    )
    parser.add_argument(
        "--time-format",
        metavar="FORMAT",
        action="append",
        default=[],
        help="of times that are not in ISO 8601: epoch_s, epoch_ms, epoch_us, or one such as "
        "'%%d/%%m/%%Y %%H:%%M'; may be repeated",
    )
