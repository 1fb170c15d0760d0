"""What a longwall face is, how it is run, what is wrong with it, and how its log is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from recore.errors import BadInput

Span = tuple[float, float]


@dataclass(frozen=True)
class Longwall:
    """Parameters of a longwall face. Spans are lowest and highest of an even draw.

    Operation
    ---------
    supports, legs, days : size of the face (supports and legs are numbered from 1) and length of the log
    direction : 'bi': the shearer cuts both ways; 'uni': it cuts one way and runs back empty
    shear_min : from the beginning of a shear to that of the next, min
    cutting_share : part of that time in which the shearer passes the supports
    web_m : advance per shear
    stoppages_per_day, stoppage_min : of the shearer, anywhere on the face; number and mean length
    idle_weekends : no cutting on Saturday and Sunday
    maintenance_from_h, maintenance_h : daily shift without cutting, UTC
    lag_s, lag_spread_s : from the passing of the shearer to the lowering of a support, and its standard deviation
    release_s, low_s, set_s : time of lowering, of standing released while it advances, of setting
    reset_share, reset_mpa : share of advances with a set attempt that does not hold, and the pressure it comes to

    Hydraulics
    ----------
    setting_mpa, setting_spread_mpa : pump pressure that reaches a leg, mean and standard deviation per cycle
    yield_mpa, yield_spread : opening pressure of the yield valves, and its relative standard deviation from leg to leg
    blow_down_mpa, unload_s : drop to the reseat of a sound yield valve, and the time it takes
    back_pressure_mpa : pressure while released

    Roof
    ----
    loading_mpa : quiet roof, loading per unit of ln(1 + t/tau)
    tau_s : time constant of the loading law
    neighbour_mpa, neighbour_s : rise before the release as the shearer and the neighbours' advance come near,
        and its time constant
    weighting : periodic weighting or not
    interval_m, interval_spread_m : from one break to the next, mean and standard deviation
    persistence_m, persistence_spread_m : how long a break loads the supports
    zones, zone_from, zone_to : number of zones, each with breaks of its own; supports of a single zone (0: drawn)
    zone_edge : width of the smooth edge of a zone, supports
    break_loading_mpa : loading during a break, in place of `loading_mpa`
    severe_share : share of the breaks that are severe: loading 1.4 times as fast, three times as long

    Faults
    ------
    faults : 'all', 'none', or a list of the codes in `FAULTS`
    fault_share : legs with each kind of fault, as a share of the supports (one at least)

    Log
    ---
    begin : first day, UTC
    interval_s, jitter_s : sampling interval and its standard deviation
    noise_mpa, resolution_mpa : standard deviation and step of the transducers; 0 for none
    drift_mpa_per_month : standard deviation of the transducers' zero drift
    layout : 'long': ts, support, leg, pressure_mpa; 'wide': ts, support, leg1_mpa, …
    report_change_mpa, heartbeat_s : log a sample only when it changed by this much, or after this silence; 0 logs all
    power_gaps_per_week, support_gaps_per_week, gap_min : nothing is logged by the face, or by one support
        (number per support); shortest and longest, even in the logarithm
    duplicate_share : telegrams logged twice
    spike_share, dropout_share : single samples at 60 to 100 MPa, and at 0
    nan_share : samples without a pressure
    late_share : telegrams logged one place late
    clock_stretches : stretches of a support dated 1970 or a hundred years ahead, number on the face
    bar_legs : legs that log in bar for part of the time, under the same name of the column
    missing_legs : legs that are not logged in the second half

    Truth
    -----
    set_threshold_mpa, release_threshold_mpa : where a cycle starts and ends in the truth
    """

    supports: int = 20
    legs: int = 2
    days: float = 7.0
    direction: Literal["bi", "uni"] = "bi"
    shear_min: Span = (45.0, 65.0)
    cutting_share: float = 0.7
    web_m: float = 0.8
    stoppages_per_day: float = 2.0
    stoppage_min: float = 15.0
    idle_weekends: bool = True
    maintenance_from_h: float = 6.0
    maintenance_h: float = 4.0
    lag_s: float = 25.0
    lag_spread_s: float = 2.0
    release_s: Span = (1.0, 4.0)
    low_s: Span = (8.0, 18.0)
    set_s: Span = (2.0, 6.0)
    reset_share: float = 0.01
    reset_mpa: Span = (2.8, 4.6)
    setting_mpa: float = 27.0
    setting_spread_mpa: float = 0.6
    yield_mpa: float = 42.0
    yield_spread: float = 0.01
    blow_down_mpa: Span = (1.6, 2.6)
    unload_s: Span = (1.0, 4.0)
    back_pressure_mpa: Span = (0.3, 2.0)
    loading_mpa: Span = (0.6, 1.9)
    tau_s: Span = (90.0, 180.0)
    neighbour_mpa: Span = (0.3, 1.5)
    neighbour_s: float = 90.0
    weighting: bool = True
    interval_m: float = 12.0
    interval_spread_m: float = 1.6
    persistence_m: float = 3.4
    persistence_spread_m: float = 0.6
    zones: int = 1
    zone_from: int = 0
    zone_to: int = 0
    zone_edge: float = 1.5
    break_loading_mpa: Span = (6.5, 9.0)
    severe_share: float = 0.0
    faults: tuple[str, ...] = ("all",)
    fault_share: float = 0.02
    begin: str = "2026-01-05"
    interval_s: float = 1.0
    jitter_s: float = 0.0
    noise_mpa: float = 0.05
    resolution_mpa: float = 0.1
    drift_mpa_per_month: float = 0.0
    layout: Literal["long", "wide"] = "long"
    report_change_mpa: float = 0.0
    heartbeat_s: float = 60.0
    power_gaps_per_week: float = 1.0
    support_gaps_per_week: float = 0.2
    gap_min: Span = (1.0, 60.0)
    duplicate_share: float = 1e-5
    spike_share: float = 1e-5
    dropout_share: float = 1e-5
    nan_share: float = 0.0
    late_share: float = 0.0
    clock_stretches: int = 0
    bar_legs: int = 0
    missing_legs: int = 0
    set_threshold_mpa: float = 5.0
    release_threshold_mpa: float = 3.0

    def __post_init__(self) -> None:
        def demand(holds: bool, name: str, right: str) -> None:
            if not holds:
                raise BadInput(f"{getattr(self, name)!r}", where=name, right=f"{right} is wanted")

        for name in ("supports", "legs", "zones"):
            demand(getattr(self, name) >= 1, name, "1 or more")
        demand(self.supports <= 1000, "supports", "at most 1000")
        demand(self.legs <= 8, "legs", "at most 8")
        demand(0 < self.days <= 3660, "days", "more than 0 and at most 3660")
        demand(0.01 <= self.interval_s <= 3600, "interval_s", "0.01 to 3600 s")
        demand(0 < self.cutting_share <= 0.9, "cutting_share", "more than 0 and at most 0.9")
        demand(0 <= self.maintenance_from_h < 24, "maintenance_from_h", "0 to 24")
        demand(0 <= self.maintenance_h <= 20, "maintenance_h", "0 to 20")
        demand(self.web_m > 0, "web_m", "more than 0")
        demand(self.heartbeat_s > 0, "heartbeat_s", "more than 0")
        demand(self.interval_m >= 3 * self.web_m, "interval_m", "three shears or more")
        demand(
            0 <= self.zone_from <= self.zone_to <= self.supports,
            "zone_from",
            "1 <= zone_from <= zone_to <= supports, or 0 and 0",
        )
        demand((self.zone_from == 0) == (self.zone_to == 0), "zone_to", "both ends of the zone, or neither,")
        demand(
            self.report_change_mpa == 0 or self.layout == "long",
            "report_change_mpa",
            "layout=long for an event-driven log",
        )
        for item in fields(self):
            value: Any = getattr(self, item.name)
            if isinstance(value, tuple) and item.name != "faults":
                demand(0 <= value[0] <= value[1], item.name, "lowest,highest, not negative,")
            elif isinstance(value, float):
                demand(value >= 0 and value < float("inf"), item.name, "a number that is not negative")
            if item.name.endswith("_share"):
                demand(value <= 1, item.name, "a share up to 1")
        demand(self.shear_min[0] >= 5, "shear_min", "5 min or more")
        demand(self.tau_s[0] > 0 and self.neighbour_s > 0, "tau_s", "more than 0")
        demand(self.gap_min[0] > 0, "gap_min", "more than 0")
        demand(self.blow_down_mpa[0] > 0, "blow_down_mpa", "more than 0")
        demand(
            self.release_threshold_mpa < self.set_threshold_mpa < self.setting_mpa < self.yield_mpa,
            "setting_mpa",
            "release threshold < set threshold < setting < yield",
        )
