"""A live face in a folder: what came, the cycles found in it, and where to go on after a kill.

    DIR/journal/00000007.bin   samples since the last checkpoint, as they came
    DIR/log/00000007.parquet   samples of the checkpoints before, as a log that `recore run support.cycles` reads
    DIR/cycles/00000007.parquet cycles that came to their end between two checkpoints
    DIR/checkpoint.npz         number of the journal that is being written, and the state of every leg before it
    DIR/live.json              newest sample of every leg

A telegram is acknowledged when its samples stand in the journal. A checkpoint writes log and cycles of the journal
first, then itself, each whole or not at all; what is numbered as the journal or higher was written by a run that
was killed before its checkpoint, and is made again from the journal. So nothing is lost and nothing counts twice.
"""

from __future__ import annotations

import fcntl
import io
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recore.atomic import replacing, write_bytes
from recore.errors import BadInput
from recore.fleet.live_legs import Counts, LegStream
from recore.fleet.live_telegrams import SAMPLE, Samples
from recore.fleet.state import LegState, write_state
from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure.found import LegRecord, Log
from recore.metrology.leg_pressure.kernel import Limits
from recore.metrology.leg_pressure.records import RECORD, YIELD
from recore.metrology.leg_pressure.rows import Faults, Leg
from recore.metrology.leg_pressure.segment import Reader
from recore.metrology.leg_pressure.tables import cycle_table
from recore.metrology.leg_pressure.trace import LATEST_US

# a clock that runs ahead of the receiver's by more than this is wrong, µs
AHEAD_US = 3600 * kernel.SECOND
# a leg that is silent for this long while others speak, µs
SILENT_US = 300 * kernel.SECOND
MAX_LEGS = 20_000
# what a stream saves of any length
_FIELDS: dict[str, Any] = {
    "waiting_ts": np.int64,
    "waiting_p": np.float64,
    "recent_ts": np.int64,
    "recent_p": np.float64,
    "events": kernel.EVENT,
    "attempts": kernel.CYCLE,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Settings:
    """Thresholds of the cycles as `support.cycles` has them, and how late a sample of a leg may come, s."""

    set_threshold_mpa: float = 5.0
    release_threshold_mpa: float = 3.0
    yield_mpa: float = 40.0
    gap_limit_s: float = 300.0
    patience_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.release_threshold_mpa < self.set_threshold_mpa < kernel.YIELD_BAND * self.yield_mpa:
            raise BadInput(
                f"release, set and yield at {self.release_threshold_mpa:g}, {self.set_threshold_mpa:g} and "
                f"{self.yield_mpa:g} MPa",
                where="live",
                right="release threshold < set threshold < 0.98 yield_mpa is wanted",
            )

    @property
    def limits(self) -> Limits:
        return Limits.of(self.set_threshold_mpa, self.release_threshold_mpa, self.yield_mpa, self.gap_limit_s)

    @property
    def patience_us(self) -> int:
        return round(self.patience_s * kernel.SECOND)


class LiveStore:
    """Streams of all legs of a face, kept in a folder; one process at a time.

    Parameters
    ----------
    folder : made where it is not there; a stream that was begun in it is gone on with
    settings : those that the stream was begun with

    Raises
    ------
    BadInput : another process writes there, or the stream was begun with other thresholds
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings, self.patience_us = folder, settings, settings.patience_us
        for part in ("journal", "log", "cycles"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise BadInput(
                "another process writes there", where=str(folder), right="stop it, or give another folder"
            ) from None
        try:
            self.reader = Reader(settings.limits, small=True)
            self.legs: dict[Leg, LegStream] = {}
            self.number = 1
            self.cycles = 0
            self.crowded = 0  # samples of more legs than are kept
            self._resume()
            self._journal: BinaryIO = self._path("journal", self.number).open("ab")
        except BaseException:
            self._lock.close()
            raise
        self.journalled = self._journal.tell() // SAMPLE.itemsize

    def _path(self, part: str, number: int) -> Path:
        return self.folder / part / f"{number:08d}.{'bin' if part == 'journal' else 'parquet'}"

    def _resume(self) -> None:
        path = self.folder / "checkpoint.npz"
        if path.exists():
            with np.load(path, allow_pickle=False) as saved:
                self._restore(saved)
        for part in ("log", "cycles"):
            for left in (self.folder / part).glob("*.parquet"):
                if int(left.stem) >= self.number:
                    left.unlink()
        for left in (self.folder / "journal").glob("*.bin"):
            if int(left.stem) < self.number:
                left.unlink()
        journal = self._path("journal", self.number)
        if journal.exists():
            whole = journal.stat().st_size // SAMPLE.itemsize * SAMPLE.itemsize
            os.truncate(journal, whole)  # the rest of a record that was never acknowledged
            self._feed(np.fromfile(journal, SAMPLE))

    def _restore(self, saved: Any) -> None:
        if saved["settings"].tolist() != list(asdict(self.settings).values()):
            raise BadInput(
                "the stream in this folder was begun with other thresholds",
                where=str(self.folder),
                right="give those, or another folder",
            )
        if saved["state"].dtype != kernel.STATE or saved["attempts"].dtype != kernel.CYCLE:
            raise BadInput(
                "the stream in this folder was begun by another version",
                where=str(self.folder),
                right=f"give another folder; `recore run support.cycles {self.folder}/log/*.parquet` reads the log",
            )
        self.number, self.cycles, self.crowded = (int(v) for v in saved["numbers"])
        bounds = {name: np.cumsum([0, *saved[f"{name}_n"]]) for name in _FIELDS}
        for k, (support, leg) in enumerate(saved["legs"].tolist()):
            parts = {name: saved[name][bounds[name][k] : bounds[name][k + 1]] for name in _FIELDS}
            parts |= {"state": saved["state"][k : k + 1], "counts": saved["counts"][k : k + 1]}
            self.legs[support, leg] = LegStream.resumed(self.reader, self.patience_us, parts)

    def add(self, samples: Samples, *, now_us: int | None = None) -> None:
        """Keep samples, and read them into their legs' streams; they are safe from a kill when this returns.

        Parameters
        ----------
        samples : `SAMPLE`s in the order in which they came
        now_us : the receiver's clock, µs since 1970; samples far ahead of it are left out. None: no check
        """
        if now_us is not None:
            # judged once, for a stream that goes on must judge as it did
            ahead = samples["ts"] > now_us + AHEAD_US
            if ahead.any():
                samples = samples.copy()
                samples["ts"][ahead] = LATEST_US
        self._journal.write(samples.tobytes())
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self.journalled += len(samples)
        self._feed(samples)

    def _feed(self, samples: Samples) -> None:
        if not len(samples):
            return
        key = samples["support"].astype(np.int64) * 16 + samples["leg"]
        order = np.argsort(key, kind="stable")
        samples, key = samples[order], key[order]
        begins = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
        for part in np.split(samples, begins[1:]):
            leg = int(part["support"][0]), int(part["leg"][0])
            stream = self.legs.get(leg)
            if stream is None:
                if len(self.legs) >= MAX_LEGS:
                    self.crowded += len(part)
                    continue
                stream = self.legs[leg] = LegStream(self.reader, self.patience_us)
            stream.feed(part["ts"], part["p"])

    def checkpoint(self) -> int:
        """Write log and cycles of the journal, and the state to go on from; the number of cycles written."""
        found = {leg: stream.taken() for leg, stream in sorted(self.legs.items())}
        table = table_of({leg: record for leg, record in found.items() if record is not None})
        if table.num_rows:
            _write(self._path("cycles", self.number), table)
        samples = np.fromfile(self._path("journal", self.number), SAMPLE)
        if len(samples):
            _write(self._path("log", self.number), _log(samples))
        self.number += 1
        self.cycles += table.num_rows
        self._save()
        old = self._path("journal", self.number - 1)
        self._journal.close()
        self._journal = self._path("journal", self.number).open("ab")
        self.journalled = 0
        old.unlink()
        return int(table.num_rows)

    def _save(self) -> None:
        streams = [stream.saved() for stream in self.legs.values()]
        kept: dict[str, NDArray[Any]] = {
            "settings": np.array(list(asdict(self.settings).values()), np.float64),
            "numbers": np.array([self.number, self.cycles, self.crowded], np.int64),
            "legs": np.array(list(self.legs), np.int64).reshape(-1, 2),
            "state": np.concatenate([np.empty(0, kernel.STATE), *(s["state"] for s in streams)]),
            "counts": np.concatenate([np.empty((0, 7), np.int64), *(s["counts"] for s in streams)]),
        }
        for name, kind in _FIELDS.items():
            kept[f"{name}_n"] = np.array([len(s[name]) for s in streams], np.int64)
            kept[name] = np.concatenate([np.empty(0, kind), *(s[name] for s in streams)])
        data = io.BytesIO()
        np.savez(data, **kept)  # type: ignore[arg-type]
        write_bytes(self.folder / "checkpoint.npz", data.getvalue())

    def counts(self) -> Counts:
        """What became of all samples of all legs."""
        total = Counts()
        for stream in self.legs.values():
            total.add(stream.counts)
        return total

    def show(self) -> None:
        """Write live.json: support, leg, ts, pressure_mpa and state of every leg's newest sample."""
        newest = {leg: last for leg, stream in sorted(self.legs.items()) if (last := stream.last())}
        latest = max((ts for ts, _ in newest.values()), default=0)
        write_state(
            self.folder,
            (
                LegState(*leg, _EPOCH + timedelta(microseconds=ts), p, self._word(p, latest - ts))
                for leg, (ts, p) in newest.items()
            ),
        )

    def _word(self, p: float, silent_us: int) -> str:
        if silent_us > SILENT_US:
            return "gap"
        if p < self.settings.release_threshold_mpa:
            return "released"
        return "yielding" if p >= kernel.YIELD_BAND * self.settings.yield_mpa else "set"

    def table(self) -> pa.Table:
        """All cycles up to the last checkpoint, by support, leg and start."""
        parts = [pq.read_table(path) for path in sorted((self.folder / "cycles").glob("*.parquet"))]
        whole = pa.concat_tables(parts) if parts else table_of({})
        return whole.sort_by([("support", "ascending"), ("leg", "ascending"), ("start", "ascending")])

    def close(self) -> None:
        """Make a checkpoint and write all cycles into cycles.parquet."""
        try:
            if self.journalled:
                self.checkpoint()
            self.show()
            _write(self.folder / "cycles.parquet", self.table())
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave the folder as it is, as a kill does."""
        self._journal.close()
        self._lock.close()


def table_of(records: dict[Leg, LegRecord]) -> pa.Table:
    """Cycles of some legs as the table of `support.cycles`."""
    if not records:
        cycles, yields, runs = (np.empty(0, kind) for kind in (RECORD, YIELD, kernel.RUN))
        records = {(0, 0): LegRecord(cycles, yields, runs, kernel.new_state())}
    return cycle_table(Log(records, Faults(), [], [], (0, 0)))


def _log(samples: Samples) -> pa.Table:
    """Samples as a log in the long layout, by support and leg, in the order in which they came."""
    samples = samples[np.lexsort((samples["leg"], samples["support"]))]
    return pa.table(
        {
            "ts": pa.array(samples["ts"], pa.timestamp("us", "UTC")),
            "support": samples["support"],
            "leg": samples["leg"],
            "pressure_mpa": samples["p"],
        }
    )


def _write(path: Path, table: pa.Table) -> None:
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd")
