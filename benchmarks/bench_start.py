"""How long a user waits before anything happens: import, help, a run; beside the bare interpreter."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

WORK = {
    "python -c pass (the limit)": ["-c", "pass"],
    "import recore": ["-c", "import recore"],
    "recore --help": ["-m", "recore", "--help"],
    "recore methods": ["-m", "recore", "methods"],
}
BUDGET_S = {"import recore": 0.3, "recore --help": 0.5}


def seconds(arguments: list[str], rounds: int) -> float:
    """Median wall time of a fresh interpreter."""
    taken = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    limit = 0.0
    for name, arguments in WORK.items():
        taken = seconds(arguments, rounds)
        limit = limit or taken
        budget = f"  budget {BUDGET_S[name]:.1f} s" if name in BUDGET_S else ""
        print(f"{name:28s} {taken:6.3f} s  {taken / limit:5.1f} x the interpreter{budget}")


if __name__ == "__main__":
    main()
