"""One line of the Test Anything Protocol for each check, for scripts that another script runs."""

import sys
import traceback
from collections.abc import Awaitable, Callable

made = 0
failed = 0


async def that(what: str, check: Callable[[], Awaitable[None]]) -> None:
    """Runs one check and says how it went."""
    global made, failed
    made += 1
    try:
        await check()
    except Exception as error:
        failed += 1
        print(f"not ok {made} - {what}", flush=True)
        for line in traceback.format_exception(error):
            for part in line.rstrip().splitlines():
                print(f"#   {part}", flush=True)
    else:
        print(f"ok {made} - {what}", flush=True)


def finish() -> None:
    """Says how many checks there were."""
    print(f"1..{made}", flush=True)
    sys.exit(1 if failed else 0)
