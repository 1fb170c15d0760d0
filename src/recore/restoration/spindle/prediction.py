"""What error motion a route will leave: shares of tolerances, drawn between the bounds of the rule rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recore.metrology.budget import Contribution, expanded_of_samples
from recore.quantity import Quantity
from recore.restoration.spindle.book import Book
from recore.restoration.spindle.state import State

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Source:
    """An uncertain input: uniform between two bounds, or normal with mean and standard deviation."""

    name: str
    low: float
    high: float
    normal: bool = False

    def draw(self, generator: np.random.Generator, trials: int) -> Floats:
        if self.normal:
            # an error motion is not negative: what noise would make so is cut off at zero
            return np.maximum(generator.normal(self.low, self.high, trials), 0.0)
        return generator.uniform(self.low, self.high, trials)

    @property
    def middle(self) -> float:
        return self.low if self.normal else (self.low + self.high) / 2

    @property
    def standard(self) -> float:
        return self.high if self.normal else (self.high - self.low) / np.sqrt(12)


@dataclass(frozen=True)
class Prediction:
    """Error motion after a route.

    Parameters
    ----------
    result : 'synchronous' or 'asynchronous'
    value : median, with half the shortest 95 % interval [µm]
    chance : probability that the limit is met; None without a limit
    budget : what each source gives
    """

    result: str
    value: Quantity
    chance: float | None
    budget: tuple[Contribution, ...]


Model = Callable[[Mapping[str, Floats]], Floats]


def predict(
    result: str, sources: tuple[Source, ...], model: Model, limit: float | None, trials: int, seed: int
) -> Prediction:
    """Carry the sources through the model (JCGM 101:2008), and each alone for the budget."""
    generator = np.random.default_rng(seed)
    drawn = {source.name: source.draw(generator, trials) for source in sources}
    samples = model(drawn)
    middle = {source.name: np.full(1, source.middle) for source in sources}
    lines = []
    for source in sources:
        alone = model(
            {
                **{name: np.broadcast_to(v, trials) for name, v in middle.items()},
                source.name: drawn[source.name],
            }
        )
        evaluation = "A" if source.normal else "B"
        lines.append(
            Contribution(
                result,
                source.name,
                evaluation,  # type: ignore[arg-type]
                float(source.standard),
                "µm" if "share" not in source.name else "1",
                float(alone.std()),
                "µm",
            )
        )
    return Prediction(
        result,
        Quantity(float(np.median(samples)), "µm", expanded_of_samples(samples)),
        None if limit is None else float((samples <= limit).mean()),
        tuple(lines),
    )


@dataclass(frozen=True)
class Predictor:
    """Predictions of one spindle by the rule rows; None where a row or a finding is missing."""

    book: Book
    state: State
    trials: int
    seed: int

    def _measured(self, which: str) -> Source | None:
        found = self.state.motion(self.book.core, which)
        return None if found is None else Source(f"{which} now", found.value, found.spread / 2, normal=True)

    def _predict(self, which: str, sources: tuple[Source, ...], model: Model) -> Prediction:
        limit = self.book.motion_limits().get(which)
        # each result has a stream of its own, so that a route more or less changes no other number
        seed = self.seed + (0 if which == "synchronous" else 1)
        return predict(which, sources, model, None if limit is None else limit[0], self.trials, seed)

    def unchanged(self) -> dict[str, Prediction]:
        """The spindle as it is."""
        found = {}
        for which in ("synchronous", "asynchronous"):
            if (now := self._measured(which)) is not None:
                found[which] = self._predict(which, (now,), lambda d, name=now.name: d[name])  # type: ignore[misc]
        return found

    def pre_loaded(self) -> dict[str, Prediction]:
        """After renewed preload: shares of what was measured."""
        model = self.book.params("model:pre-load", model="pre-load")
        found = {}
        for which in ("synchronous", "asynchronous"):
            now = self._measured(which)
            if model is None or now is None:
                continue
            left = Source(f"share of {which} left", model[f"{which}_low"], model[f"{which}_high"])
            found[which] = self._predict(
                which,
                (now, left),
                lambda d, a=now.name, b=left.name: d[a] * d[b],  # type: ignore[misc]
            )
        return found

    def new_bearings(self, *, seats_restored: bool) -> dict[str, Prediction]:
        """New bearings on the seats as they are, or as they are ground."""
        model = self.book.params("model:new-bearings", model="new-bearings")
        seat_model = self.book.params("model:seat", model="seat")
        kia = self.book.kia_um()
        form = self._seat_form(seats_restored)
        found: dict[str, Prediction] = {}
        if model is None or seat_model is None or kia is None:
            return found
        if form is not None:
            ring = Source(
                "share of the ring's run-out, synchronous",
                model["synchronous_low"],
                model["synchronous_high"],
            )
            through = Source(
                "share of the seat's form that reaches the axis", seat_model["low"], seat_model["high"]
            )
            found["synchronous"] = self._predict(
                "synchronous",
                (ring, form, through),
                lambda d: np.hypot(kia * d[ring.name], d[form.name] * d[through.name]),
            )
        cage = Source(
            "share of the ring's run-out, asynchronous", model["asynchronous_low"], model["asynchronous_high"]
        )
        found["asynchronous"] = self._predict("asynchronous", (cage,), lambda d: kia * d[cage.name])
        return found

    def _seat_form(self, restored: bool) -> Source | None:
        """Form of the worst seat: as measured, or anything up to its tolerance once it is ground."""
        worst: Source | None = None
        for seat in self.book.core.seats:
            tolerance = self.book.seat_tolerance_um(seat)
            if not restored and seat.run_out_um is not None:
                source = Source("form of the seat", seat.run_out_um, seat.u_run_out_um / 2, normal=True)
            elif tolerance is None or (not restored and seat.wear_mm > 0):
                # a worn seat whose form was not measured can have any
                return None
            else:
                source = Source("form of the seat", 0.0, tolerance)
            if worst is None or source.middle > worst.middle:
                worst = source
        return worst


def renamed(line: Contribution, route: str) -> Contribution:
    """A budget line that says which route it belongs to."""
    return replace(line, result=f"{route}: {line.result}")
