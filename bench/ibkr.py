"""Whether a cockpit at TWS stays as it is under all the messages that it may send: two minutes of the soak.

    python -m bench.ibkr                 against the gateway for tests, in two processes
    python -m bench.ibkr --seconds 600

Ends with 1 where memory grew, a task was left over, a call wasn't answered, an order wasn't true or was sent twice, or
more messages came in a sliding second than the budget has.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.ibkr.soak import soak

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    sys.exit(asyncio.run(soak(parser.parse_args().seconds)))
