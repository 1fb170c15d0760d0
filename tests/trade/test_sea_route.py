"""Sea routes: published distances, the package the network came from, closures, and ports that are not known."""

from __future__ import annotations

import itertools
import json
import math
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recore.errors import BadInput
from recore.method import Refusal
from recore.trade.sea import network
from recore.trade.sea_route import Ports, sea_route

PUBLISHED = {
    "KEMBA": 6333, "NLRTM": 10576, "NGLOS": 10340, "PECLL": 9330, "AEJEA": 5710, "IDJKT": 2553, "BRSSZ": 11100,
    "USHOU": 10192, "DEHAM": 10842,
}  # fmt: skip


def way(origin: str, destination: str, *closed: str) -> network.Route:
    ends = [network.port(code) for code in (origin, destination)]
    assert ends[0] is not None
    assert ends[1] is not None
    route = network.shortest(ends[0].node, ends[1].node, network.checked_closures(closed))
    assert route is not None
    return route


@pytest.mark.parametrize(("port", "miles"), PUBLISHED.items())
def test_from_shanghai(port: str, miles: int) -> None:
    # Rotterdam and Houston were published from a terminal near the sea; the port's own place lies 13 nmi further in
    tolerance = 0.0015 if port in ("NLRTM", "USHOU") else 0.0001
    assert way("CNSHA", port).distance_nmi == pytest.approx(miles, rel=tolerance)


def test_a_closed_canal_makes_the_way_longer() -> None:
    free, closed = way("CNSHA", "NLRTM"), way("CNSHA", "NLRTM", "suez")
    assert closed.distance_nmi == pytest.approx(13514, rel=0.001)
    assert "suez" in free.passages
    assert "suez" not in closed.passages
    both = way("CNSHA", "NLRTM", "suez", "panama")
    assert "south_africa" in both.passages
    assert both.distance_nmi > closed.distance_nmi


@pytest.mark.parametrize("word", sorted(set(network.WATERS) - {"northwest"}))
def test_every_passage_can_be_closed(word: str) -> None:
    number = network.network().passages.index(word) + 1
    net = network.network()
    edge = net.passage.index(number)
    start = next(node for node in range(len(net.lon)) if net.start[node] <= edge < net.start[node + 1])
    free = network.shortest(start, net.neighbour[edge])
    closed = network.shortest(start, net.neighbour[edge], frozenset([word]))
    assert free is not None
    assert word in free.passages
    assert closed is None or (closed.distance_km > free.distance_km and word not in closed.passages)


def test_the_northwest_passage_is_always_closed() -> None:
    assert way("CNSHA", "NLRTM", "northwest") == way("CNSHA", "NLRTM")
    assert max(lat for _, lat in way("JPYOK", "NOHFT").points) < 76


def test_a_way_is_as_long_backwards_and_obeys_the_triangle() -> None:
    chance = random.Random(3)
    codes = chance.sample(sorted(network._ports()), 12)
    for one, two, three in itertools.combinations(codes, 3):
        try:
            there, back, over = way(one, two), way(two, one), [way(one, three), way(three, two)]
        except AssertionError:
            continue
        assert there.distance_km == pytest.approx(back.distance_km, rel=1e-12)
        assert there.distance_km <= sum(part.distance_km for part in over) * (1 + 1e-12)


def test_the_length_is_that_of_the_line() -> None:
    route = way("CNSHA", "USHOU")
    total = 0.0
    for (lon, lat), (lon2, lat2) in itertools.pairwise(route.points):
        assert abs(lon - lon2) < 180
        a, b, c, d = map(math.radians, (lat, lat2, lat2 - lat, lon2 - lon))
        half = math.sin(c / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(d / 2) ** 2
        total += 2 * network.RADIUS_KM * math.asin(math.sqrt(half))
    assert total == pytest.approx(route.distance_km, rel=1e-9)


@pytest.mark.slow
def test_agrees_with_the_package_on_40_pairs() -> None:
    searoute = pytest.importorskip("searoute")
    chance = random.Random(1)
    codes = sorted(network._ports())
    compared = 0
    while compared < 40:
        one, two = (network.port(code) for code in chance.sample(codes, 2))
        assert one is not None
        assert two is not None
        closed = chance.choice([(), (), ("suez",), ("panama",), ("suez", "panama"), ("malacca",)])
        ours = network.shortest(one.node, two.node, frozenset(closed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = searoute.searoute(
                [one.lon, one.lat], [two.lon, two.lat], units="naut", restrictions=["northwest", *closed]
            ).properties["length"]
        if ours is None or theirs == 0:
            assert ours is None or one.node == two.node or theirs == 0
            continue
        assert ours.distance_nmi == pytest.approx(theirs, rel=1e-3, abs=0.5), (one, two, closed)
        compared += 1


def ports(**more: Any) -> Ports:
    return Ports(**{"origin_port": "CNSHA", "destination_port": "NLRTM", **more})


def test_the_method_tells_detour_and_days() -> None:
    found = sea_route(ports(closed=["suez"]), speed_knots=14)
    assert found.detour.value == pytest.approx(2920, abs=2)
    assert found.transit is not None
    assert found.transit.value == pytest.approx(found.distance.value / 14 / 24)
    assert found.passages == "Panama Canal"
    assert found.route["geometry"]["coordinates"][0] == [121.418678, 31.509996]
    assert sea_route(ports()).detour.value == 0


def test_a_port_that_is_not_known_names_those_near_it() -> None:
    with pytest.raises(Refusal, match="KEMBA Mombasa"):
        sea_route(ports(destination_port="KEMBB"))
    with pytest.raises(BadInput, match="kiel"):
        sea_route(ports(closed=["kiel"]))


def test_a_port_far_from_the_sea_is_flagged() -> None:
    assert [note.code for note in sea_route(ports(destination_port="DEBER")).flags] == ["port-inland"]


def test_closures_that_leave_no_way() -> None:
    with pytest.raises(Refusal, match="no way by sea"):
        sea_route(ports(destination_port="UAODS", closed=["bosporus"]))


def test_through_the_command_line(recore: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text(json.dumps({"origin_port": "CN SHA", "destination_port": "KEMBA"}))
    ended = recore("run", "trade.sea-route", tmp_path / "ports.json", "--json", "--out", tmp_path / "out")
    assert ended.status == 0, ended.err
    assert ended.json["results"]["distance"]["value"] == pytest.approx(6333, abs=1)
    route = json.loads((tmp_path / "out" / "route.json").read_text())
    assert route["geometry"]["type"] == "LineString"


def test_the_picture_shows_the_way() -> None:
    from recore.trade.sea_route import plot

    assert "nautical miles" in json.dumps(plot(sea_route(ports())).to_dict())


@pytest.mark.parametrize("wrong", ["Shanghai", "CNSH", "cnsha", "CN1SH!", "C1SHA"])
def test_a_malformed_port_is_bad_input(wrong: str, recore: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text(json.dumps({"origin_port": wrong, "destination_port": "KEMBA"}))
    ended = recore("run", "trade.sea-route", tmp_path / "ports.json")
    assert ended.status == 2
    assert "UN/LOCODE" in ended.err
