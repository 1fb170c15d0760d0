"""Which routes there are for a spindle, what each consists of, and why one cannot be gone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from recore.method import Note
from recore.model.route import AcceptanceTest, Operation, Route
from recore.quantity import Quantity
from recore.restoration.spindle.book import Book
from recore.restoration.spindle.core import Seat
from recore.restoration.spindle.prediction import Prediction, Predictor
from recore.restoration.spindle.state import State

DEPOSITS = ("hard-chrome", "hvof", "laser-clad")
_TAPER_RATIO = {"7/24": 24 / 7, "HSK": 9.98}


@dataclass(frozen=True)
class Needs:
    """What the evidence says must be done; reasons name the finding or the rule row."""

    bearings: bool
    taper: bool
    seats: tuple[Seat, ...]
    cracked: bool
    reasons: dict[str, str]
    open: tuple[Note, ...]


@dataclass(frozen=True)
class Candidate:
    """A route with its predictions."""

    route: Route
    predictions: dict[str, Prediction]
    chance: float | None


def needs_of(book: Book, state: State) -> Needs:
    """What is worn, broken or not known."""
    reasons: dict[str, str] = {}
    open_: list[Note] = []
    core = book.core
    fault = state.get("bearing_fault")
    bearings = False
    if fault is None:
        open_.append(
            Note("bearings-not-tested", "no finding of vibration.envelope: the bearings are not known")
        )
    elif fault.quantity.value == "undecided":
        open_.append(
            Note("bearings-undecided", "vibration.envelope could not decide: the bearings are not known")
        )
    elif fault.quantity.value != "none":
        bearings = True
        reasons["bearings"] = f"vibration.envelope found a defect: {fault.quantity.value}"
    limit = book.motion_limits().get("asynchronous")
    scatter = state.motion(core, "asynchronous")
    if scatter is None:
        open_.append(
            Note("error-motion-not-tested", "no finding of spindle.error-motion in the sensitive direction")
        )
    elif limit is not None and scatter.value - scatter.spread > limit[0]:
        bearings = True
        reasons.setdefault(
            "bearings", f"asynchronous error motion {scatter.quantity} above {limit[0]:g} µm ({limit[1]})"
        )
    taper = _taper_worn(book, reasons, open_)
    worn = []
    for seat in core.seats:
        tolerance = book.seat_tolerance_um(seat)
        if tolerance is None:
            open_.append(Note("no-seat-tolerance", f"no rule row says a tolerance for the {seat.name} seat"))
        elif seat.wear_mm * 1000 - seat.u_wear_mm * 1000 > tolerance:
            worn.append(seat)
            reasons[f"seat {seat.name}"] = (
                f"{seat.wear_mm:g} mm worn, {tolerance:g} µm of run-out are permitted"
            )
        elif seat.run_out_um is None:
            open_.append(Note("seat-not-measured", f"the run-out of the {seat.name} seat was not measured"))
        elif seat.run_out_um - seat.u_run_out_um > tolerance:
            worn.append(seat)
            reasons[f"seat {seat.name}"] = f"run-out {seat.run_out_um:g} µm, {tolerance:g} µm are permitted"
    if core.crack is None:
        open_.append(
            Note(
                "crack-not-tested", "whether the shaft is cracked was not looked for: no route is safe before"
            )
        )
    if core.crack:
        reasons["shaft"] = "the shaft is cracked"
    return Needs(bearings, taper, tuple(worn), bool(core.crack), reasons, tuple(open_))


def _taper_worn(book: Book, reasons: dict[str, str], open_: list[Note]) -> bool:
    taper, row = book.core.taper, book.row("taper-run-out")
    if row is None:
        open_.append(Note("no-taper-limit", f"no rule row says a run-out for taper {taper.size}"))
        return False
    worn = taper.worn_um > 0
    if worn:
        reasons["taper"] = f"marks of {taper.worn_um:g} µm on the diameter"
    for value, key, where in (
        (taper.nose_um, "nose_um", "at the nose"),
        (taper.bar_um, "bar_um", "at the bar's end"),
    ):
        if value is None:
            open_.append(Note("taper-not-measured", f"the taper's run-out {where} was not measured"))
        # a run-out that may be beyond the limit is ground: grinding a good taper costs hours, a bad one the machine
        elif value + taper.u_um > row.params[key]:
            worn = True
            reasons["taper"] = (
                f"run-out {where} {value:g} ± {taper.u_um:g} µm, limit {row.params[key]:g} µm ({row.rule_id})"
            )
    return worn


@dataclass
class Builder:
    """Makes the routes of one spindle."""

    book: Book
    needs: Needs
    predictor: Predictor
    tests: tuple[AcceptanceTest, ...]
    missing: list[str] = field(default_factory=list)

    def candidates(self) -> list[Candidate]:
        """Every route that the trade knows, feasible or not."""
        found = [self._keep(), self._pre_load(), self._bearings(regrind=False)]
        found.append(self._bearings(regrind=True))
        found += [self._deposit(process) for process in DEPOSITS]
        found.append(self._new_shaft())
        return found

    def _keep(self) -> Candidate:
        against = [*self._left_over(set()), *self._not_known()]
        return self._made("keep", "Keep as it is", [], self.predictor.unchanged(), against)

    def _pre_load(self) -> Candidate:
        work = [self._work("pre-load", "bearings"), self._work("balance", "rotor")]
        against = [*self._left_over(set()), *self._not_known()]
        return self._made(
            "pre-load", "Renew the preload", work, self.predictor.pre_loaded(), against, tested=True
        )

    def _bearings(self, *, regrind: bool) -> Candidate:
        work = self._opened()
        against = self._left_over({"bearings"} | ({"taper"} if regrind else set()))
        if regrind:
            operation, reason = self._regrind()
            work.append(operation)
            if reason:
                against.append(reason)
        work += self._closed()
        name = "bearings-taper" if regrind else "bearings"
        title = "Replace the bearings and regrind the taper" if regrind else "Replace the bearings"
        if regrind and not self.needs.taper:
            against.append("the taper is within its limits: nothing to regrind")
        return self._made(
            name, title, work, self.predictor.new_bearings(seats_restored=False), against, tested=True
        )

    def _deposit(self, process: str) -> Candidate:
        work = self._opened()
        against = self._left_over({"bearings", "taper", "seats"})
        if not self.needs.seats:
            against.append("no seat is worn: nothing to build up")
        for seat in self.needs.seats:
            operation, reason = self._build_up(process, seat)
            work += [operation, self._work("grind-journal", f"{seat.name} seat")] if operation else []
            if reason:
                against.append(reason)
        if self.needs.taper:
            operation, reason = self._regrind()
            work.append(operation)
            if reason:
                against.append(reason)
        work += self._closed()
        title = {
            "hard-chrome": "Hard-chrome and grind the seats, new bearings",
            "hvof": "HVOF-spray and grind the seats, new bearings",
            "laser-clad": "Laser-clad and grind the seats, new bearings",
        }[process]
        return self._made(
            process, title, work, self.predictor.new_bearings(seats_restored=True), against, tested=True
        )

    def _new_shaft(self) -> Candidate:
        work = [self._work(name, "spindle") for name in ("disassemble", "clean")]
        work += [self._work("replace-shaft", "shaft"), *self._closed()]
        rates = self.book.core.rates
        extra = rates.shaft if rates is not None else None
        return self._made(
            "new-shaft",
            "New shaft and new bearings",
            work,
            self.predictor.new_bearings(seats_restored=True),
            [],
            tested=True,
            parts=extra,
            unknown_price=extra is None,
        )

    # ---- parts of a route

    def _opened(self) -> list[Operation]:
        return [self._work(name, "spindle") for name in ("disassemble", "clean", "inspect")]

    def _closed(self) -> list[Operation]:
        return [
            self._work("replace-bearings", "bearings"),
            self._work("balance", "rotor"),
            self._work("assemble", "spindle"),
        ]

    def _left_over(self, treated: set[str]) -> list[str]:
        """Faults that a route does not treat."""
        needs = self.needs
        found = []
        if needs.cracked:
            found.append(needs.reasons["shaft"])
        if needs.bearings and "bearings" not in treated:
            found.append(f"leaves the bearings: {needs.reasons['bearings']}")
        if needs.taper and "taper" not in treated:
            found.append(f"leaves the taper: {needs.reasons['taper']}")
        if "seats" not in treated:
            found += [f"leaves the {s.name} seat: {needs.reasons[f'seat {s.name}']}" for s in needs.seats]
        return found

    def _not_known(self) -> list[str]:
        """What a spindle that stays closed hides."""
        return [f"not known while it stays closed: {note.text}" for note in self.needs.open]

    def _work(self, operation: str, component: str) -> Operation:
        row = self.book.params(f"effort:{operation}", operation=operation)
        if row is None:
            self.missing.append(f"effort of {operation}")
            return Operation(
                operation, "inspect", component, Quantity(0.0, "h"), note="no rule row says its effort"
            )
        return self._priced(
            operation,
            row["kind"],
            component,
            row["hours"],
            row["u_hours"],
            row["kwh"],
            row["u_kwh"],
            tuple(row["resources"]),
        )

    def _priced(
        self,
        name: str,
        kind: str,
        component: str,
        hours: float,
        u_hours: float,
        kwh: float,
        u_kwh: float,
        resources: tuple[str, ...],
        material: dict[str, Quantity] | None = None,
        note: str = "",
    ) -> Operation:
        rates = self.book.core.rates
        cost = None
        if rates is not None:
            parts = rates.bearings if name == "replace-bearings" else 0.0
            value = hours * rates.labour_per_h + kwh * rates.energy_per_kwh + parts
            spread = math.hypot(u_hours * rates.labour_per_h, u_kwh * rates.energy_per_kwh)
            cost = Quantity(value, rates.currency, spread)
        return Operation(
            name,
            kind,
            component,
            Quantity(hours, "h", u_hours),
            cost,
            material or {},
            Quantity(kwh, "kWh", u_kwh),
            resources,
            note,
        )

    def _regrind(self) -> tuple[Operation, str]:
        """Grinding the taper, and what forbids it."""
        row = self.book.params("regrind:taper", process="regrind-taper")
        if row is None:
            self.missing.append("limits of regrinding a taper")
            return self._work("inspect", "taper"), "no rule row says how far a taper may be ground"
        taper = self.book.core.taper
        worst = max(taper.nose_um or 0.0, taper.bar_um or 0.0)
        off_mm = (taper.worn_um + worst + row["clean_up_um"]) / 1000
        # the diameter grows by off_mm, so the gauge plane moves by off_mm times the inverse of the taper
        shift_mm = off_mm * _TAPER_RATIO[taper.system]
        note = f"{off_mm:.3g} mm off the diameter moves the gauge plane by {shift_mm:.2g} mm; face the nose by as much"
        reason = ""
        if off_mm > row["most_diameter_mm"] or shift_mm > row["most_shift_mm"]:
            reason = (
                f"regrinding the taper takes {off_mm:.3g} mm off the diameter and moves the gauge plane by {shift_mm:.2g} mm; "
                f"{row['most_diameter_mm']:g} and {row['most_shift_mm']:g} mm are the most"
            )
        return (
            self._priced(
                "regrind-taper",
                "grind",
                "taper",
                row["hours"],
                row["u_hours"],
                row["kwh"],
                row["u_kwh"],
                tuple(row["resources"]),
                note=note,
            ),
            reason,
        )

    def _build_up(self, process: str, seat: Seat) -> tuple[Operation | None, str]:
        """Depositing on one seat, and what forbids it."""
        row = self.book.params(f"deposit:{process}", process=process)
        if row is None:
            self.missing.append(f"limits of {process}")
            return None, f"no rule row says what {process} can do"
        form_mm = (seat.run_out_um or 0.0) / 2000
        needed = seat.wear_mm + seat.u_wear_mm + form_mm
        final = max(needed, row["least_mm"])
        undercut = final - seat.wear_mm
        reason = ""
        if final > row["most_mm"]:
            reason = (
                f"the {seat.name} seat needs {final:.3g} mm of {process}, {row['most_mm']:g} mm is the most"
            )
        thickness_mm = final + row["allowance_mm"]
        mass = (
            math.pi
            * seat.diameter_mm
            * seat.length_mm
            * thickness_mm
            * 1e-9
            * row["density_kg_m3"]
            / row["efficiency"]
        )
        note = f"{final:.3g} mm after grinding, {thickness_mm:.3g} mm deposited, turned down by {undercut:.3g} mm before; {row['note']}"
        return (
            self._priced(
                process, "deposit", f"{seat.name} seat", row["hours"], row["u_hours"], row["kwh"], row["u_kwh"],
                tuple(row["resources"]), {row["material"]: Quantity(mass, "kg", 0.3 * mass)}, note,
            ),
            reason,
        )  # fmt: skip

    # ---- the whole

    def _made(
        self,
        name: str,
        title: str,
        work: list[Operation],
        predictions: dict[str, Prediction],
        against: list[str],
        *,
        tested: bool = False,
        parts: float | None = 0.0,
        unknown_price: bool = False,
    ) -> Candidate:
        if tested:
            work = [*work, self._work("run-in", "spindle"), self._work("accept", "spindle")]
        if parts or unknown_price:
            work = [self._with_part(o, parts) if o.name == "replace-shaft" else o for o in work]
        properties = {f"{which}_um": p.value for which, p in predictions.items()}
        if (life := self._survival(new=name not in ("keep", "pre-load"))) is not None:
            properties["survival_4000_h"] = life
        chances = [p.chance for p in predictions.values() if p.chance is not None]
        # the two are drawn apart; the product would say they are independent, the smaller promises too much
        chance = math.prod(chances) if len(chances) == 2 else None
        done = not against
        reasons = (
            tuple(against) if against else tuple(f"{what}: {why}" for what, why in self.needs.reasons.items())
        )
        route = Route(name, title, tuple(work), properties, None, self.tests, done, reasons)
        return Candidate(route, predictions, chance)

    def _with_part(self, operation: Operation, price: float | None) -> Operation:
        if price is None or operation.cost is None:
            return replace(operation, cost=None)
        value = operation.cost.value
        assert isinstance(value, float)
        return replace(
            operation, cost=Quantity(value + price, operation.cost.unit, operation.cost.uncertainty)
        )

    def _survival(self, *, new: bool) -> Quantity | None:
        """Probability that the bearings run another 4,000 h, by Weibull life with L10 = (C/P)^p 10^6 turns."""
        life, row = self.book.core.life, self.book.params("model:life", model="life")
        if life is None or row is None:
            return None
        slope, exponent = row["weibull_slope"], row["exponent"]
        l10_h = (life.dynamic_rating_kn / life.load_kn) ** exponent * 1e6 / (60 * life.speed_rpm)

        def survives(hours: float) -> float:
            return float(0.9 ** ((hours / l10_h) ** slope))

        start = 0.0 if new else life.hours_run
        before = survives(start)
        return Quantity(survives(start + 4000.0) / before if before > 0 else 0.0)
