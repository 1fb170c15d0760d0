"""Write the sea network and the ports of Recore from the package searoute (Apache-2.0).

    python tools/sea_network.py        needs searoute 1.6.0; writes src/recore/trade/sea/network.npz and ports.csv

The same package gives the same bytes.
"""

from __future__ import annotations

import csv
import heapq
import io
import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parent.parent / "src" / "recore" / "trade" / "sea"
MICRO = 1_000_000
LANDMARKS = 12
UNREACHED = 65535
# the other words of the network mark joints of its sheets
WATERS = (
    "babalmandab", "bering", "bosporus", "chili", "dardanelles", "gibraltar", "malacca", "ormuz", "panama",
    "south_africa", "suez", "sunda",
)  # fmt: skip
# a canal that the package does not mark (that of Kiel is not in it): west, east, south, north in degrees
CANALS = {"corinth": (22.85, 23.15, 37.85, 38.0)}


def main() -> None:
    from searoute.data.marnet_dict import edge_list, node_list
    from searoute.data.ports_dict import node_list as port_list

    nodes = sorted(node_list)
    number = {node: index for index, node in enumerate(nodes)}
    edges, marks = [], []
    for u in edge_list:
        for v, attributes in edge_list[u].items():
            mark = attributes.get("passage") or ""
            if number[u] < number[v] and mark != "northwest":
                edges.append((number[u], number[v]))
                marks.append(canal(u, v) or (mark if mark in WATERS else ""))
    order = sorted(range(len(edges)), key=edges.__getitem__)
    edges, marks = [edges[i] for i in order], [marks[i] for i in order]
    names = sorted(set(marks) - {""})
    micro = np.rint(np.array(nodes) * MICRO).astype(np.int32)
    np.savez_compressed(
        TARGET / "network.npz",
        lon_lat_micro=micro,
        edges=np.array(edges, dtype=np.uint16),
        passage=np.array([names.index(mark) + 1 if mark else 0 for mark in marks], dtype=np.uint8),
        passages=np.array(names),
        landmark_km=landmarks(np.array(nodes), np.array(edges)),
    )
    write_ports(port_list, np.array(nodes))
    sys.stdout.write(f"{len(nodes)} nodes, {len(edges)} edges, passages {', '.join(names)}" + "\n")


def canal(u: tuple[float, float], v: tuple[float, float]) -> str:
    """The canal that an edge lies in, '' where it lies in none."""
    for name, (west, east, south, north) in CANALS.items():
        if all(west <= lon <= east and south <= lat <= north for lon, lat in (u, v)):
            return name
    return ""


def landmarks(nodes: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Distances in whole km from nodes far from each other: bounds for the search (A. Goldberg, C. Harrelson 2005)."""
    lon, lat = np.radians(nodes).T
    u, v = edges.T
    half = (
        np.sin((lat[v] - lat[u]) / 2) ** 2
        + np.cos(lat[u]) * np.cos(lat[v]) * np.sin((lon[v] - lon[u]) / 2) ** 2
    )
    length = 2 * 6371.0088 * np.arcsin(np.sqrt(half))
    around: list[list[tuple[int, float]]] = [[] for _ in nodes]
    for a, b, km in zip(u.tolist(), v.tolist(), length.tolist(), strict=True):
        around[a].append((b, km))
        around[b].append((a, km))
    rows: list[np.ndarray] = []
    place = int(np.argmin(((nodes - (121.4, 31.5)) ** 2).sum(axis=1)))
    for _ in range(LANDMARKS):
        rows.append(distances(around, place))
        nearest = np.where(np.isfinite(rows).all(axis=0), np.min(rows, axis=0), -1)
        place = int(np.argmax(nearest))
    table = np.where(np.isfinite(rows), np.rint(rows), UNREACHED)
    return table.astype(np.uint16)


def distances(around: list[list[tuple[int, float]]], origin: int) -> np.ndarray:
    found = np.full(len(around), np.inf)
    found[origin] = 0.0
    queue = [(0.0, origin)]
    while queue:
        km, node = heapq.heappop(queue)
        if km > found[node]:
            continue
        for other, length in around[node]:
            if km + length < found[other]:
                found[other] = km + length
                heapq.heappush(queue, (km + length, other))
    return found


def write_ports(port_list: dict, nodes: np.ndarray) -> None:
    """One line for each UN/LOCODE; of several places with one code a terminal, then the first."""
    best: dict[str, tuple] = {}
    for (lon, lat), port in sorted(port_list.items(), key=lambda item: (item[1]["t"] != 1.0, item[0])):
        code = port.get("port")
        if code and len(code) == 5:
            best.setdefault(code, (port["name"], port["cty"], lon, lat))
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["unlocode", "name", "country", "lon", "lat", "node"])
    for code in sorted(best):
        name, country, lon, lat = best[code]
        # the nearest node in degrees, as searoute takes it
        node = int(np.argmin(((nodes - (lon, lat)) ** 2).sum(axis=1)))
        writer.writerow(
            [
                code,
                name.strip(),
                country.strip(),
                f"{lon:.6f}".rstrip("0").rstrip("."),
                f"{lat:.6f}".rstrip("0").rstrip("."),
                node,
            ]
        )
    (TARGET / "ports.csv").write_text(sink.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    main()
