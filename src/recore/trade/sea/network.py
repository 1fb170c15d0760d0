"""The network of sea lanes and the shortest way through it, offline.

9,708 nodes and 15,970 edges of the package searoute 1.6.0 (Apache-2.0), which took them from Eurostat's SeaRoute.
The length of an edge is the great circle between its ends on a sphere of radius 6371.0088 km. The Northwest Passage
is always closed. The search is A* with the triangle inequality over 12 landmarks as its bound (Goldberg and
Harrelson 2005), which never overestimates, whatever is closed.
"""

from __future__ import annotations

import difflib
import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput

RADIUS_KM = 6371.0088
KM_PER_NMI = 1.852
_HERE = Path(__file__).parent
_UNREACHED = 65535
WATERS = {
    "babalmandab": "Bab el-Mandeb",
    "bering": "Bering Strait",
    "bosporus": "Bosporus",
    "chili": "Strait of Magellan and Cape Horn",
    "corinth": "Corinth Canal",
    "dardanelles": "Dardanelles",
    "gibraltar": "Strait of Gibraltar",
    "malacca": "Strait of Malacca",
    "northwest": "Northwest Passage",
    "ormuz": "Strait of Hormuz",
    "panama": "Panama Canal",
    "south_africa": "Cape of Good Hope",
    "suez": "Suez Canal",
    "sunda": "Sunda Strait",
}


@dataclass(frozen=True)
class Network:
    """Nodes in degrees, for each node its neighbours with length and passage, and distances from landmarks.

    Neighbours of node n stand at the places start[n] to start[n + 1].
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    start: list[int]
    neighbour: list[int]
    length_km: list[float]
    passage: list[int]
    passages: tuple[str, ...]
    landmark_km: NDArray[np.float32]


@dataclass(frozen=True)
class Port:
    """A port by its UN/LOCODE, and the node of the network that stands for it."""

    code: str
    name: str
    country: str
    lon: float
    lat: float
    node: int


@dataclass(frozen=True)
class Route:
    """A way by sea. `points` are longitude and latitude in degrees, continuous across the date line."""

    distance_km: float
    points: tuple[tuple[float, float], ...]
    passages: tuple[str, ...]

    @property
    def distance_nmi(self) -> float:
        return self.distance_km / KM_PER_NMI


@cache
def network() -> Network:
    """The network, read once."""
    with np.load(_HERE / "network.npz", allow_pickle=False) as stored:
        lon, lat = stored["lon_lat_micro"].astype(np.float64).T / 1e6
        edges, marks = stored["edges"].astype(np.int64), stored["passage"]
        names = tuple(str(name) for name in stored["passages"])
        landmark = stored["landmark_km"]
    length = great_circle_km(lon[edges[:, 0]], lat[edges[:, 0]], lon[edges[:, 1]], lat[edges[:, 1]])
    source = np.concatenate([edges[:, 0], edges[:, 1]])
    target = np.concatenate([edges[:, 1], edges[:, 0]])
    order = np.argsort(source, kind="stable")
    start = np.searchsorted(source[order], np.arange(len(lon) + 1))
    return Network(
        lon,
        lat,
        start.tolist(),
        target[order].tolist(),
        np.tile(length, 2)[order].tolist(),
        np.tile(marks, 2)[order].tolist(),
        names,
        np.where(landmark == _UNREACHED, np.nan, landmark).astype(np.float32),
    )


def great_circle_km(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    to_lon: NDArray[np.float64],
    to_lat: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Distance on the sphere, haversine formula; angles in degrees."""
    lon, lat, to_lon, to_lat = map(np.radians, (lon, lat, to_lon, to_lat))
    half = np.sin((to_lat - lat) / 2) ** 2 + np.cos(lat) * np.cos(to_lat) * np.sin((to_lon - lon) / 2) ** 2
    found: NDArray[np.float64] = 2 * RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1)))
    return found


@cache
def _ports() -> dict[str, str]:
    lines = (_HERE / "ports.csv").read_text(encoding="utf-8").splitlines()[1:]
    return {line[:5]: line for line in lines}


def port(code: str) -> Port | None:
    """The port of a UN/LOCODE; None where the network knows none."""
    import csv

    line = _ports().get(code)
    if line is None:
        return None
    _, name, country, lon, lat, node = next(csv.reader([line]))
    return Port(code, name, country.replace("_", " "), float(lon), float(lat), int(node))


def near_ports(code: str, count: int = 5) -> list[str]:
    """Codes like one that is not known: of the same country first."""
    known = _ports()
    same = [other for other in known if other[:2] == code[:2]]
    near = difflib.get_close_matches(code, same, n=count, cutoff=0.5)
    near += difflib.get_close_matches(code, known, n=count, cutoff=0.6)
    return [f"{other} {known[other].split(',')[1]}" for other in dict.fromkeys(near)][:count]


def checked_closures(closed: Sequence[str]) -> frozenset[str]:
    """Closures as words of the network; the Northwest Passage is closed already.

    Raises
    ------
    BadInput : a word that names no passage
    """
    for word in closed:
        if word not in WATERS:
            raise BadInput(
                f"{word!r:.40} is no passage that can be closed",
                where="closed",
                right=f"known: {', '.join(WATERS)}",
            )
    return frozenset(closed) - {"northwest"}


@lru_cache(maxsize=4096)
def shortest(origin: int, destination: int, closed: frozenset[str] = frozenset()) -> Route | None:
    """The shortest way between two nodes that avoids closed passages; None where there is none."""
    net = network()
    shut = {net.passages.index(word) + 1 for word in closed}
    # landmark distances are rounded to 1 km each, so 1 km is taken off; nodes may therefore be met again
    gaps = np.abs(net.landmark_km - net.landmark_km[:, destination : destination + 1])
    bound = np.nan_to_num(np.fmax.reduce(gaps) - 1).clip(0).tolist()
    best = {origin: 0.0}
    came: dict[int, int] = {}
    queue = [(bound[origin], 0.0, origin)]
    start, neighbour, length, passage = net.start, net.neighbour, net.length_km, net.passage
    while queue:
        _, so_far, node = heapq.heappop(queue)
        if node == destination:
            return _route(net, came, destination, so_far)
        if so_far > best[node]:
            continue
        for edge in range(start[node], start[node + 1]):
            if passage[edge] and passage[edge] in shut:
                continue
            other = neighbour[edge]
            reached = so_far + length[edge]
            if reached < best.get(other, math.inf):
                best[other] = reached
                came[other] = node
                heapq.heappush(queue, (reached + bound[other], reached, other))
    return None


def _route(net: Network, came: dict[int, int], node: int, distance: float) -> Route:
    nodes = [node]
    while nodes[-1] in came:
        nodes.append(came[nodes[-1]])
    nodes.reverse()
    points: list[tuple[float, float]] = []
    words: dict[str, None] = {}
    for place, here in enumerate(nodes):
        lon = float(net.lon[here])
        if points:
            lon += 360 * round((points[-1][0] - lon) / 360)
            edges = range(net.start[nodes[place - 1]], net.start[nodes[place - 1] + 1])
            mark = next(net.passage[edge] for edge in edges if net.neighbour[edge] == here)
            if mark:
                words.setdefault(net.passages[mark - 1])
        points.append((lon, float(net.lat[here])))
    return Route(distance, tuple(points), tuple(words))


def port_gap_km(place: Port) -> float:
    """How far a port lies from the node that stands for it."""
    net = network()
    node = slice(place.node, place.node + 1)
    return float(
        great_circle_km(np.array([place.lon]), np.array([place.lat]), net.lon[node], net.lat[node])[0]
    )
