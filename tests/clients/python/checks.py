"""Checks that are counted, not ended by the first failure.

Output is the Test Anything Protocol (https://testanything.org/tap-version-14-specification.html):
`ok N - what`, `not ok N - what`, and the plan `1..N` at the end, which tells that the script came that far.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# How much of a server's log is shown.
LOG_LINES = 40


class Checks:
    """The checks of one script."""

    def __init__(self) -> None:
        self.made = 0
        self.failed = 0

    @contextmanager
    def that(self, what: str) -> Iterator[None]:
        """Counts the block as one check: passed unless it raises."""
        try:
            yield
        except Exception as error:
            # Counted when it ends, since one check may hold others.
            self.made += 1
            self.failed += 1
            print(f"not ok {self.made} - {what}")
            for line in traceback.format_exception(error):
                for part in line.rstrip().splitlines():
                    print(f"#   {part}")
        else:
            self.made += 1
            print(f"ok {self.made} - {what}")

    @contextmanager
    def explained_by(self, log: Path) -> Iterator[None]:
        """Shows the end of a server's log if a check in the block fails."""
        failed_before = self.failed
        try:
            yield
        finally:
            if self.failed > failed_before and log.exists():
                print(f"# the end of {log.name}:")
                for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
                    print(f"#   {line}")

    def finish(self) -> None:
        """Writes the plan and ends the program."""
        print(f"1..{self.made}")
        sys.exit(1 if self.failed else 0)


def equal(actual: object, expected: object) -> None:
    """Raises unless both are equal."""
    assert actual == expected, f"got {actual!r}, expected {expected!r}"


def contains(text: str, part: str) -> None:
    """Raises unless the text contains the part."""
    assert part in text, f"{part!r} is not in {text!r}"
