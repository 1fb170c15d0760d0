"""Draw src/recore/web/static/world.svg from the outlines of Natural Earth (1:110 million, public domain).

    python tools/world_map.py naturalearth_lowres.shp src/recore/web/static/world.svg

The shapefile is the one that geopandas carried up to 0.14 (geopandas/datasets/naturalearth_lowres), with the
fields iso_a3 and name. `pycountry` gives the codes of two letters. One path stands for each country, in the Equal
Earth projection, in whole units of a picture 1000 wide.

References
----------
B. Šavrič, T. Patterson, B. Jenny, The Equal Earth map projection, Int. J. Geogr. Inf. Sci. 33 (2019) 454-465, eq. 1.
ESRI Shapefile Technical Description, July 1998 (main file, polygon records); dBASE III table layout.
"""

from __future__ import annotations

import itertools
import math
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pycountry

WIDTH = 1000
_A = (1.340264, -0.081106, 0.000893, 0.003796)
# what the table of the shapefile leaves without a code; the last two have none in ISO 3166-1
_BY_NAME = {"France": "FR", "Norway": "NO", "Kosovo": "XK", "N. Cyprus": "", "Somaliland": ""}
_LEFT_OUT = {"Antarctica"}
_SMALLEST_RING = 2.0  # square units; a country keeps its largest ring whatever its size


def projected(longitude: float, latitude: float) -> tuple[float, float]:
    """Equal Earth: plane coordinates of a point in degrees."""
    a1, a2, a3, a4 = _A
    t = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(latitude)))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * math.sqrt(3) * math.radians(longitude) * math.cos(t) / (3 * slope)
    return x, a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t


def polygons(data: bytes) -> Iterator[list[list[tuple[float, float]]]]:
    """Rings of every record of a polygon shapefile."""
    place = 100
    while place < len(data):
        (length,) = struct.unpack_from(">i", data, place + 4)
        kind, parts, points = struct.unpack_from("<i32xii", data, place + 8)
        if kind != 5:
            raise SystemExit(f"a record of shape {kind}, not a polygon")
        starts = [*struct.unpack_from(f"<{parts}i", data, place + 52), points]
        flat = struct.unpack_from(f"<{2 * points}d", data, place + 52 + 4 * parts)
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        yield [pairs[begin:end] for begin, end in itertools.pairwise(starts)]
        place += 8 + 2 * length


def records(data: bytes) -> Iterator[dict[str, str]]:
    """Rows of a dBASE table."""
    count, header, width = struct.unpack_from("<iHH", data, 4)
    fields = []
    for place in range(32, header - 1, 32):
        name = data[place : place + 11].split(b"\0")[0].decode()
        fields.append((name, data[place + 16]))
    for number in range(count):
        place = header + number * width + 1
        row = {}
        for name, size in fields:
            row[name] = data[place : place + size].decode("latin-1").strip()
            place += size
        yield row


def code_of(row: dict[str, str]) -> str:
    """Country code of two letters; '' where there is none."""
    if row["name"] in _BY_NAME:
        return _BY_NAME[row["name"]]
    found = pycountry.countries.get(alpha_3=row["iso_a3"])
    if found is None:
        raise SystemExit(f"no code for {row}")
    return str(found.alpha_2)


def area(ring: list[tuple[int, int]]) -> float:
    turned = zip(ring, ring[1:] + ring[:1], strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in turned)) / 2


def drawn(ring: list[tuple[int, int]]) -> str:
    """A ring as a path of steps, each number with no more signs than it needs."""
    steps = [(u - x, v - y) for (x, y), (u, v) in itertools.pairwise(ring)]
    numbers = "".join(f"{n}" if n < 0 else f" {n}" for step in steps for n in step).strip()
    return f"M{ring[0][0]} {ring[0][1]}l{numbers}z"


def main(shapes: Path, target: Path) -> None:
    top = projected(0, 84)[1]
    scale = WIDTH / (projected(180, 0)[0] * 2)
    height = math.ceil((top - projected(0, -57)[1]) * scale)
    paths = []
    for row, rings in zip(
        records(shapes.with_suffix(".dbf").read_bytes()), polygons(shapes.read_bytes()), strict=True
    ):
        if row["name"] in _LEFT_OUT:
            continue
        found = []
        for ring in rings:
            points: list[tuple[int, int]] = []
            for longitude, latitude in ring:
                x, y = projected(longitude, latitude)
                point = (round(WIDTH / 2 + x * scale), round((top - y) * scale))
                if not points or point != points[-1]:
                    points.append(point)
            if points[0] == points[-1]:
                points.pop()
            found.append(points)
        largest = max(found, key=area)
        kept = [ring for ring in found if len(ring) > 2 and (ring is largest or area(ring) >= _SMALLEST_RING)]
        code = code_of(row)
        named = f' id="{code}"' if code else ""
        paths.append((code, f'<path{named} d="{"".join(map(drawn, kept))}"/>'))
    body = "\n".join(path for _, path in sorted(paths))
    target.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">\n'
        f"<!-- Natural Earth 1:110m, public domain; Equal Earth projection; made by tools/world_map.py -->\n"
        f'<g id="land">\n{body}\n</g>\n</svg>\n',
        "utf-8",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
