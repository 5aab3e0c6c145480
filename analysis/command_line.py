"""The command line that the analysis scripts of a run folder share, and where they put what they find."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from hm2bp_brian.errors import Hm2bpError
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import to_csv, to_markdown


def run_script(main: Callable, description: str, samples: int) -> None:
    """Read the arguments, run ``main(run_dir, data=..., samples=...)``; end with a message after an error."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("run_dir", metavar="RUN", help="folder that 'hm2bp train' made, or a weight file")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    parser.add_argument(
        "--samples", type=int, default=samples, metavar="N", help="first N test samples (default: %(default)s)"
    )
    arguments = parser.parse_args()
    print(f"simulating {arguments.samples} test samples of {arguments.run_dir} ...", file=sys.stderr)
    try:
        main(arguments.run_dir, data=arguments.data, samples=arguments.samples)
    except (Hm2bpError, OSError) as error:
        sys.exit(f"error: {error}")


def keep(folder, name: str, rows: list[dict], picture: bytes | None = None) -> None:
    """Print the rows as a Markdown table; write them, and the picture, into the folder ``analysis`` below a run's."""
    print(to_markdown(rows))
    folder = Path(folder) / "analysis"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{name}.csv", to_csv(rows))
    if picture is not None:
        write_atomically(folder / f"{name}.png", picture)
