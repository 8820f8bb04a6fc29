"""Benchmarks: ``python -m tests.bench [name ...] [--scale 0.2] [--json]``."""

import argparse
import asyncio
import sys

from tests.bench.corrected import corrected
from tests.bench.coverage import coverage
from tests.bench.crowd import crowd
from tests.bench.experiments import experiments
from tests.bench.join import join
from tests.bench.latency import latency
from tests.bench.measure import Row, table, to_json
from tests.bench.opening import opening
from tests.bench.raters import raters
from tests.bench.reading import reading
from tests.bench.replay import replay
from tests.bench.state import state
from tests.bench.sustained import sustained

BENCHES = {
    bench.__name__: bench
    for bench in (
        latency,
        sustained,
        join,
        replay,
        crowd,
        corrected,
        coverage,
        raters,
        reading,
        opening,
        experiments,
        state,
    )
}


async def _run(names: list[str], scale: float) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            rows += await BENCHES[name](scale)
        except Exception as error:  # One that fails must not cost the figures of the others.
            why = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            rows.append(Row(name, "did not finish", 0.0, "", met=False, note=repr(why)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Ours beside raw nats-py."
    )
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(BENCHES)}; all by default"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the full number of rounds"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHES)
    if unknown:
        parser.error(
            f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}"
        )
    rows = asyncio.run(_run(options.names or list(BENCHES), options.scale))
    print(to_json(rows) if options.json else table(rows))


if __name__ == "__main__":
    main()
