"""A longwall face as a whole: its log, day after day and leg after leg, and what is true about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.simulate.supports import leg as legs_of
from recore.simulate.supports.faults import FAULTS, Fault, place
from recore.simulate.supports.leg import Leg, Strokes, leg, strokes
from recore.simulate.supports.logger import (
    Spoilt,
    instants,
    measured,
    sent,
    single_faults,
    spoil,
    stamped,
)
from recore.simulate.supports.longwall import Longwall
from recore.simulate.supports.operation import DAY_S, Numbers, operate
from recore.simulate.writing import FileFormat, write_parts, write_truth

BAR_PER_MPA = 10.0
# what the streams of random numbers are for; all begin with the seed
_FACE, _STROKES, _LOG = 0, 1, 2


class LongwallFace:
    """A simulated face; nothing is kept but its operation and the legs last used.

    Parameters
    ----------
    seed : the same seed and parameters give the same face and log
    longwall : the face
    """

    def __init__(self, seed: int, longwall: Longwall | None = None) -> None:
        self.seed = seed
        self.longwall = face = longwall or Longwall()
        try:
            self.epoch_ms = int(np.datetime64(face.begin, "ms").astype(np.int64))
        except ValueError:
            raise BadInput(
                f"{face.begin!r}", where="begin", right="a day as in 2026-01-05 is wanted"
            ) from None
        rng = np.random.default_rng([seed, _FACE])
        self.operation = operate(rng, face)
        self.faults = place(rng, face, self.operation)
        self.spoilt = spoil(rng, face)
        self.drift = rng.normal(0.0, face.drift_mpa_per_month, (face.supports, face.legs))
        self.leg = lru_cache(maxsize=4 * face.legs)(self._leg)
        self.faults = [
            replace(f, size=self._shown(f)) if f.fault == "sensor_stuck" else f for f in self.faults
        ]

    def _leg(self, support: int, number: int) -> Leg:
        faults = [f for f in self.faults if f.support == support and f.concerns(number)]
        rng = np.random.default_rng([self.seed, _STROKES, support, number])
        return leg(rng, self.longwall, self.operation, support, number, self._strokes(support), faults)

    def _strokes(self, support: int) -> Strokes:
        rng = np.random.default_rng([self.seed, _STROKES, support, 0])
        return strokes(rng, self.longwall, self.operation, support)

    def _shown(self, fault: Fault) -> float:
        """Pressure that a transducer shows when it gets stuck."""
        assert fault.leg is not None
        p = float(self.leg(fault.support, fault.leg).pressure(np.array([fault.begin]))[0])
        step = self.longwall.resolution_mpa
        return round(round(p / step) * step, 6) if step else p

    def log(self) -> Iterator[pa.Table]:
        """The log by support, leg and day (wide: by support and day), in the order of time."""
        face = self.longwall
        days = range(int(np.ceil(face.days)))
        for support in range(1, face.supports + 1):
            numbers = list(range(1, face.legs + 1))
            if face.layout == "wide":
                for day in days:
                    yield self._wide(support, numbers, day)
            else:
                for number in numbers:
                    last: list[float] = []
                    for day in days:
                        yield self._long(support, number, day, last)

    def _samples(self, support: int, number: int, day: int) -> tuple[Numbers, NDArray[np.float32]]:
        """Times and pressures of a leg on one day as its transducer gives them."""
        face = self.longwall
        # the legs of a support are sampled together
        t = instants(np.random.default_rng([self.seed, _LOG, support, 0, day]), face, day)
        rng = np.random.default_rng([self.seed, _LOG, support, number, day])
        p = self.leg(support, number).pressure(t)
        mine = [f for f in self.faults if f.support == support and f.leg == number]
        drift: Numbers | float = 0.0
        if face.drift_mpa_per_month:
            drift = self.drift[support - 1, number - 1] / (30 * DAY_S) * t
        for fault in mine:
            if fault.end <= day * DAY_S or fault.begin >= (day + 1) * DAY_S:
                continue
            here = slice(*np.searchsorted(t, [fault.begin, fault.end]))
            if fault.fault == "sensor_swapped":
                p[here] = self.leg(int(fault.size), number).pressure(t[here])
            elif fault.fault == "sensor_offset":
                p[here] += fault.size
        shown = measured(rng, face, p, drift)
        single_faults(rng, face, shown)
        for fault in mine:
            if fault.fault == "sensor_stuck":
                shown[slice(*np.searchsorted(t, [fault.begin, fault.end]))] = fault.size
        for spoilt in self.spoilt:
            if spoilt.kind == "unit" and spoilt.concerns(support, number):
                shown[slice(*np.searchsorted(t, [spoilt.begin, spoilt.end]))] *= BAR_PER_MPA
        return t, shown

    def _rows(
        self, t: Numbers, support: int, number: int, day: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rng = np.random.default_rng([self.seed, _LOG, support, 100 + number, day])
        # a wide row stands for all legs of the support
        spoilt = [
            s for s in self.spoilt if s.concerns(support, number) and (number or s.kind != "missing leg")
        ]
        return stamped(rng, self.longwall, t, self.epoch_ms, spoilt)

    def _long(self, support: int, number: int, day: int, last: list[float]) -> pa.Table:
        t, p = self._samples(support, number, day)
        if self.longwall.report_change_mpa:
            chosen = sent(self.longwall, t, p, last)
            t, p = t[chosen], p[chosen]
        rows, ts = self._rows(t, support, number, day)
        return pa.table(
            {
                "ts": pa.array(ts, pa.timestamp("ms", "UTC")),
                "support": np.full(len(rows), support, np.int16),
                "leg": np.full(len(rows), number, np.int8),
                "pressure_mpa": p[rows],
            }
        )

    def _wide(self, support: int, numbers: list[int], day: int) -> pa.Table:
        columns = {}
        missing = [s for s in self.spoilt if s.kind == "missing leg"]
        for number in numbers:
            t, p = self._samples(support, number, day)
            for spoilt in missing:
                if spoilt.concerns(support, number):
                    p[slice(*np.searchsorted(t, [spoilt.begin, spoilt.end]))] = np.nan
            columns[number] = p
        rows, ts = self._rows(t, support, 0, day)
        return pa.table(
            {
                "ts": pa.array(ts, pa.timestamp("ms", "UTC")),
                "support": np.full(len(rows), support, np.int16),
                **{
                    f"leg{n}_mpa": pa.array(p[rows], pa.float32(), from_pandas=True)
                    for n, p in columns.items()
                },
            }
        )

    def cycles(self) -> pa.Table:
        """Cycles that the record holds from start to end.

        support, leg, start, end, setting_mpa, final_mpa, yields, shear (the one in which the support was
        set), attempts, and `shown`: false where the log does not show the cycle as it was, for a gap at its
        start or end, a transducer that is stuck or exchanged, or a leg that is not logged.
        """
        face = self.longwall
        keys = product(range(1, face.supports + 1), range(1, face.legs + 1))
        return pa.concat_tables([self._cycles(support, number) for support, number in keys])

    def _cycles(self, support: int, number: int) -> pa.Table:
        face = self.longwall
        leg = self.leg(support, number)
        start, end = leg.crossings(face.set_threshold_mpa, face.release_threshold_mpa)
        whole = (start >= 0) & (end < face.days * DAY_S)
        setting = leg.setting_pressure(start)
        hidden = np.zeros(len(start), bool)
        for fault in self.faults:
            sensor = fault.fault in ("sensor_stuck", "sensor_swapped")
            if sensor and fault.support == support and fault.concerns(number):
                hidden |= (start < fault.end) & (end >= fault.begin)
        for spoilt in self.spoilt:
            if not spoilt.concerns(support, number):
                continue
            if spoilt.kind == "missing leg":
                hidden |= end >= spoilt.begin
            elif spoilt.kind != "unit":
                for edge in (start, end):
                    hidden |= (edge >= spoilt.begin - 60.0) & (edge < spoilt.end + 60.0)
        attempts = 1 + (leg.strokes.reset_mpa > 0)
        k = np.flatnonzero(whole)
        return pa.table(
            {
                "support": np.full(len(k), support),
                "leg": np.full(len(k), number),
                "start": self._utc(start[k]),
                "end": self._utc(end[k]),
                "setting_mpa": np.round(setting[k], 4),
                "final_mpa": np.round(leg.final[k], 4),
                "yields": leg.yields[k],
                "shear": k,
                "attempts": attempts[k],
                "shown": ~hidden[k],
            }
        )

    def _utc(self, seconds: Any) -> pa.Array:
        ms = np.round(np.asarray(seconds, float) * 1e3).astype(np.int64) + self.epoch_ms
        return pa.array(ms, pa.timestamp("ms", "UTC"))

    def fault_table(self) -> pa.Table:
        """support, leg (empty: all), fault, from, to, size (what it means: `FAULTS`)."""
        return pa.table(
            {
                "support": pa.array([f.support for f in self.faults], pa.int64()),
                "leg": pa.array([f.leg for f in self.faults], pa.int64()),
                "fault": pa.array([f.fault for f in self.faults], pa.string()),
                "from": self._utc([max(f.begin, 0.0) for f in self.faults]),
                "to": self._utc([min(f.end, self.longwall.days * DAY_S) for f in self.faults]),
                "size": pa.array([f.size for f in self.faults], pa.float64()),
            }
        )

    def weighting(self) -> pa.Table:
        """from, to, support_from, support_to, first_shear, last_shear, severe: one row per break and zone."""
        seconds = self.longwall.days * DAY_S
        rows = []
        lower = self.operation.lower_s
        for b in self.operation.breaks:
            zone = slice(b.support_from - 1, b.support_to)
            begin = float(lower[b.first_shear, zone].min()) + sum(self.longwall.low_s) / 2
            end = float(lower[b.last_shear + 1, zone].max())
            if begin < seconds and end > 0:
                rows.append((b, max(begin, 0.0), min(end, seconds)))
        return pa.table(
            {
                "from": self._utc([begin for _, begin, _ in rows]),
                "to": self._utc([end for _, _, end in rows]),
                **{
                    name: pa.array([getattr(b, name) for b, _, _ in rows], pa.int64())
                    for name in ("support_from", "support_to", "first_shear", "last_shear")
                },
                "severe": pa.array([b.severe for b, _, _ in rows], pa.bool_()),
            }
        )

    def leg_table(self) -> pa.Table:
        """support, leg, leak_mpa_per_min, offset_mpa (while there is one), drift_mpa_per_month."""
        keys = list(product(range(1, self.longwall.supports + 1), range(1, self.longwall.legs + 1)))

        def size(code: str, key: tuple[int, int]) -> float:
            return next((f.size for f in self.faults if f.fault == code and (f.support, f.leg) == key), 0.0)

        return pa.table(
            {
                "support": [s for s, _ in keys],
                "leg": [n for _, n in keys],
                "leak_mpa_per_min": [size("leg_leak", key) for key in keys],
                "offset_mpa": [size("sensor_offset", key) for key in keys],
                "drift_mpa_per_month": [float(self.drift[s - 1, n - 1]) for s, n in keys],
            }
        )

    def record_table(self) -> pa.Table:
        """What is wrong with the record: kind, support and leg (empty: all), from, to."""
        return pa.table(
            {
                "kind": pa.array([s.kind for s in self.spoilt], pa.string()),
                "support": pa.array([s.support for s in self.spoilt], pa.int64()),
                "leg": pa.array([s.leg for s in self.spoilt], pa.int64()),
                "from": self._utc([s.begin for s in self.spoilt]),
                "to": self._utc([s.end for s in self.spoilt]),
            }
        )

    def write(
        self,
        folder: Path,
        *,
        file_format: FileFormat = "parquet",
        progress: Callable[[float, str], None] | None = None,
    ) -> list[Path]:
        """Write log.parquet or log.csv (a row group per leg-day), cycles.csv, faults.csv, weighting.csv,
        legs.csv, record.csv and truth.json; each whole or not at all, the truth last. Memory stays bounded.

        Parameters
        ----------
        folder : made where it is not there
        file_format : of the log
        progress : told the share that is done
        """
        face = self.longwall
        total = face.supports * int(np.ceil(face.days)) * (face.legs if face.layout == "long" else 1)

        def told() -> Iterator[pa.Table]:
            for number, part in enumerate(self.log()):
                if progress and number % 16 == 0:
                    progress(0.95 * number / total, f"day {number} of {total} leg-days")
                yield part

        folder.mkdir(parents=True, exist_ok=True)
        paths = [write_parts(folder / f"log.{file_format}", told())]
        tables = {
            "cycles": self.cycles,
            "faults": self.fault_table,
            "weighting": self.weighting,
            "legs": self.leg_table,
            "record": self.record_table,
        }
        paths += [write_parts(folder / f"{name}.csv", iter([table()])) for name, table in tables.items()]
        return [*paths, write_truth(folder, self.truth())]

    def truth(self) -> dict[str, Any]:
        """All parameters, and what the files say."""
        return {
            "synthetic": True,
            "note": "synthetic data of a seeded simulator: no claim about a real face may rest on it",
            "simulator": "supports",
            "seed": self.seed,
            "parameters": asdict(self.longwall),
            "fault_sizes": FAULTS,
            "physics": {
                "leak_knee_mpa": legs_of.KNEE_MPA,
                "leak_floor_mpa": legs_of.FLOOR_MPA,
                "check_valve_s": legs_of.CHECK_VALVE_S,
            },
            "shears": self.operation.shears,
        }


__all__ = ["LongwallFace", "Spoilt"]
