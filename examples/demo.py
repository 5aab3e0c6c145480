"""The main job
============

Train 784-800-10 on all of MNIST within two minutes, and look at what it learned.

Run it with ``make demo``, or ``python examples/demo.py``. It trains the recipe ``mnist-mlp`` for two epochs with the
fused engine and keeps everything in ``runs/demo``.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from hm2bp_brian.experiments.cli import main
from hm2bp_brian.training.history import History

OUT = Path("runs/demo")


def demo() -> int:
    """Train, then print accuracy, speed and the paths of the figures."""
    shutil.rmtree(OUT, ignore_errors=True)  # what an earlier demo left
    started = time.perf_counter()
    code = main(["train", "mnist-mlp", "--epochs", "2", "--seed", "1", "--out", str(OUT)])
    if code:
        return code
    seconds = time.perf_counter() - started
    rows = History.from_csv(OUT / "history.csv").rows
    samples_per_second = 60_000 * len(rows) / sum(row["seconds"] for row in rows)
    print(f"\n784-800-10 on real MNIST: 60,000 digits, {len(rows)} epochs, {seconds:.0f} s in all")
    print(f"test accuracy on all 10,000 test digits: {100 * rows[-1]['test_accuracy']:.2f} %")
    print(f"training speed: {samples_per_second:.0f} samples/s")
    print("figures:")
    for figure in sorted((OUT / "figures").glob("*.png")):
        print(f"  {figure}")
    return 0


if __name__ == "__main__":
    argparse.ArgumentParser(description=f"Train 784-800-10 on all of MNIST; everything goes to {OUT}.").parse_args()
    sys.exit(demo())
