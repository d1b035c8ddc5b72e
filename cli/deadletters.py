"""`slate deadletters`: what was refused on its way through the streams."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace

from slate.cli.processes import store
from slate.cli.text import shown_instant, table
from slate.deployment import load
from slate.online import EventWriter
from slate.online.rows.instants import instant
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import streamed_sources
from slate.online.stream.dead_letters.letter_format import as_json
from slate.online.stream.dead_letters.overflow_files import folder
from slate.online.stream.dead_letters.queue import DeadLetter, DeadLetters
from slate.online.stream.writing.writer import streamed_source
from slate.privacy import hidden, personal_columns
from slate.sources import Source

LISTED = 100
WIDTH = 120


def run(options: Namespace) -> int:
    """List the dead letters, or write them again and list those that cannot be."""
    deployment = load()
    registry = deployment.registry
    sources = (
        [streamed_source(registry, options.source)]
        if options.source
        else streamed_sources(registry)
    )
    code = 0
    with store(deployment) as held, connect(held.address) as redis:
        for source in sources:
            letters = DeadLetters(redis, deployment.name, source)
            if options.replay:
                with EventWriter.connect(deployment, source) as writer:
                    replay = letters.replay(writer, options.limit)
                _print(source, [*replay.refused, *replay.kept], options)
                _tell(
                    f"{source.name}: {replay.written:,} written again, {len(replay.refused):,} "
                    f"refused again, {len(replay.kept):,} not to be written again"
                )
                code = 1 if replay.refused else code
            else:
                limit = options.limit or (None if options.json else LISTED)
                shown = list(letters.read(limit))
                _print(source, shown, options)
                _tell(f"{source.name}: {len(shown):,} of {len(letters):,} dead letters")
                if letters.moved:
                    _tell(
                        f"{source.name}: {letters.moved:,} older ones made room for these: they "
                        f"are in {folder(deployment, source)}, late ones in the warehouse"
                    )
                if options.forget:
                    _tell(f"{source.name}: {letters.forget(shown):,} of them deleted")
    return code


def _print(source: type[Source], letters: Iterable[DeadLetter], options: Namespace) -> None:
    """Print dead letters, without what is personal unless it is asked for."""
    if not options.pii:
        letters = [_hiding(source, letter) for letter in letters]
    if options.json:
        for letter in letters:
            print(json.dumps(as_json(source, letter.id, letter.refusal)))
        return
    rows = [_cells(letter) for letter in letters]
    if rows:
        print(table(rows, head=("arrived", "reason", "not written again as", source.name)))


def _hiding(source: type[Source], letter: DeadLetter) -> DeadLetter:
    names, refusal = personal_columns(source), letter.refusal
    if not names:
        return letter
    event = None if refusal.event is None else hidden(refusal.event, names)
    # What cannot be read may hold anything.
    return replace(letter, refusal=replace(refusal, event=event, raw=None))


def _cells(letter: DeadLetter) -> tuple[str, str, str, str]:
    refusal = letter.refusal
    arrived = shown_instant(instant(refusal.arrival)) if refusal.arrival else ""
    event = f"{len(refusal.raw or b'')} bytes" if refusal.event is None else ""
    if refusal.event is not None:
        given = {name: value for name, value in refusal.event.items() if value is not None}
        event = json.dumps(given)
        event = event if len(event) <= WIDTH else f"{event[: WIDTH - 1]}…"
    return arrived, refusal.reason, letter.kept, event


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
