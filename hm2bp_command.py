"""Where the command ``hm2bp`` starts: outside of the package, whose import takes a second and may be interrupted."""

import sys


def main() -> int:
    """Run the command ``hm2bp``; what ends the import early is told in a line, as everything later is."""
    try:
        from hm2bp_brian.experiments.cli import main as run
    except KeyboardInterrupt:
        print("hm2bp: interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        print("hm2bp: error: not enough memory to start", file=sys.stderr)
        return 1
    return run()
