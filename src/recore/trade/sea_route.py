"""`trade.sea-route`: the shortest way by sea between two ports, with canals and straits open or closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from recore.finding import Note
from recore.method import Artifact, Refusal, Tolerance, Unit, method
from recore.model.trade import Document
from recore.quantity import Quantity
from recore.trade.quote import Port
from recore.trade.sea import network
from recore.trade.voyage import voyage

WIDTH = 620


class Ports(Document):
    """Two ports by UN/LOCODE, and the passages that are closed."""

    origin_port: Port
    destination_port: Port
    closed: Annotated[tuple[str, ...], Field(max_length=20)] = ()


@dataclass(frozen=True)
class SeaRoute:
    """A way by sea; `detour` is what the closures add to the way with everything open."""

    distance: Annotated[Quantity, Unit("nmi")]
    distance_km: Annotated[Quantity, Unit("km")]
    detour: Annotated[Quantity, Unit("nmi")]
    transit: Annotated[Quantity | None, Unit("d")]
    passages: str
    route: Annotated[Any, Artifact("route.json")]
    flags: tuple[Note, ...] = ()


@method("trade.sea-route", version=1, reproducible=Tolerance(relative=1e-9))
def sea_route(ports: Ports, *, speed_knots: Annotated[float | None, Field(gt=0, le=60)] = None) -> SeaRoute:
    """Shortest way by sea between two ports, offline.

    The way is the shortest through a network of lanes; its length is the sum of the great circles between nodes. Weather,
    draught, ice and the queue at a canal are not in it. Passages that can be closed: babalmandab, bering, bosporus,
    chili (Magellan and Cape Horn), corinth, dardanelles, gibraltar, malacca, ormuz, panama, south_africa, suez, sunda;
    the Northwest Passage is always closed.

    Parameters
    ----------
    ports : origin_port and destination_port as UN/LOCODE, closed (a list of passages)
    speed_knots : speed of the vessel, for the days at sea

    Returns
    -------
    distance : length of the way
    detour : how much longer the closures make it
    transit : days at sea at the speed given
    passages : canals and straits on the way

    Refuses a port that the network does not know, naming those near it, and closures that leave no way.

    References
    ----------
    Network: searoute 1.6.0 (Apache-2.0), after Eurostat SeaRoute. Bound of the search: Goldberg and Harrelson,
    Computing the shortest path: A* search meets graph theory, SODA 2005.
    """
    found = voyage(ports.origin_port, ports.destination_port, ports.closed)
    if found.route is None:
        raise Refusal(found.refusals[0].code, "; ".join(note.text for note in found.refusals))
    free = voyage(ports.origin_port, ports.destination_port, ()).route
    assert free is not None
    length = found.route.distance_nmi
    days = None if speed_knots is None else Quantity(length / speed_knots / 24, "d")
    return SeaRoute(
        distance=Quantity(length, "nmi"),
        distance_km=Quantity(found.route.distance_km, "km"),
        detour=Quantity(max(0.0, length - free.distance_nmi), "nmi"),
        transit=days,
        passages=", ".join(network.WATERS[word] for word in found.route.passages) or "none",
        route=_geojson(ports, found.route),
        flags=found.flags,
    )


def _geojson(ports: Ports, route: network.Route) -> dict[str, Any]:
    """The way as GeoJSON (RFC 7946); longitudes run on past 180 degrees, so that the line is not torn."""
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [[lon, lat] for lon, lat in route.points]},
        "properties": {
            "origin_port": ports.origin_port,
            "destination_port": ports.destination_port,
            "closed": list(ports.closed),
            "distance_nmi": route.distance_nmi,
            "passages": list(route.passages),
        },
    }


@sea_route.plot
def plot(result: SeaRoute) -> Any:
    import altair as alt

    points = result.route["geometry"]["coordinates"]
    line = [{"lon": lon, "lat": lat, "place": place} for place, (lon, lat) in enumerate(points)]
    told = result.route["properties"]
    ends = [
        {"lon": points[0][0], "lat": points[0][1], "port": told["origin_port"]},
        {"lon": points[-1][0], "lat": points[-1][1], "port": told["destination_port"]},
    ]
    x = alt.X("lon:Q", title="longitude / °", scale=alt.Scale(zero=False, nice=True))
    y = alt.Y("lat:Q", title="latitude / °", scale=alt.Scale(zero=False, nice=True))
    way = alt.Chart({"values": line}).mark_line(color="#1f4e79").encode(x=x, y=y, order="place:Q")
    marks = alt.Chart({"values": ends}).mark_point(filled=True, size=60, color="#c55a11").encode(x=x, y=y)
    names = alt.Chart({"values": ends}).mark_text(dy=-10).encode(x=x, y=y, text="port:N")
    title = f"{result.distance.value:,.0f} nautical miles by way of: {result.passages}"
    return (way + marks + names).properties(width=WIDTH, height=WIDTH // 2, title=title)
