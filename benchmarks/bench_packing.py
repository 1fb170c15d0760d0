"""Fill of the container of Bischoff and Ratcliff: Recore, py3dbp on the same boxes, and the physical limit.

    python benchmarks/bench_packing.py [--classes 1,3,5] [--count 12] [--seconds 30] [--no-peer]

One process, one thread. py3dbp turns every box as it likes and needs no support, so its task is the easier
one. The limit is the volume of all boxes over that of the container. A packing is checked box against box.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from br_instances import CONTAINER, problems

from recore.trade.packing import BoxKind, pack

sys.path.append(str(Path(__file__).parent.parent / "tests" / "trade"))
from packing_oracle import faults


def peer(kinds: list[BoxKind]) -> tuple[float, float]:
    """Fill and time of py3dbp, in centimetres as published."""
    from py3dbp import Bin, Item, Packer

    started = time.perf_counter()
    packer = Packer()
    packer.add_bin(Bin("container", *(v / 10 for v in CONTAINER), 1e9))
    for k, kind in enumerate(kinds):
        for i in range(kind.count):
            packer.add_item(Item(f"{k}.{i}", *(v / 10 for v in kind.dims), 0))
    packer.pack(bigger_first=True, distribute_items=False, number_of_decimals=0)
    volume = float(sum(item.get_volume() for item in packer.bins[0].items))
    return volume / (np.prod(CONTAINER) / 1000), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", default="1,3,5")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--no-peer", action="store_true")
    args = parser.parse_args()
    started = time.perf_counter()
    pack((2, 2, 2), [BoxKind((1, 1, 1), 1)], seconds=0)
    print(f"compile or load: {time.perf_counter() - started:.1f} s")
    for number in map(int, args.classes.split(",")):
        source, cases = problems(number, args.count)
        fill, limit, seconds, peers, peer_seconds = [], [], [], [], []
        for kinds in cases:
            began = time.perf_counter()
            packing = pack(CONTAINER, kinds, seconds=args.seconds)
            seconds.append(time.perf_counter() - began)
            wrong = faults(CONTAINER, kinds, packing)
            if wrong:
                raise SystemExit(f"BR{number}: {wrong[0]}")
            fill.append(packing.fill)
            limit.append(min(1.0, sum(k.count * float(np.prod(k.dims)) for k in kinds) / np.prod(CONTAINER)))
            if not args.no_peer:
                share, took = peer(kinds)
                peers.append(share)
                peer_seconds.append(took)
        line = f"BR{number} ({source}, {len(cases)}): fill mean {np.mean(fill):.2%}, min {min(fill):.2%}"
        line += f", of the limit {np.mean(np.divide(fill, limit)):.2%}, {np.mean(seconds):.1f} s (most {max(seconds):.1f})"
        if peers:
            line += f"; py3dbp {np.mean(peers):.2%} in {np.mean(peer_seconds):.1f} s, ratio {np.mean(fill) / np.mean(peers):.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
