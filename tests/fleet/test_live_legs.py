"""A stream of samples gives the cycles of one pass, however it is cut, and goes on after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.evidence import Table
from recore.fleet.live_legs import LegStream
from recore.fleet.live_store import LiveStore, Settings, table_of
from recore.fleet.live_telegrams import SAMPLE
from recore.metrology.leg_pressure.cycles import support_cycles
from recore.metrology.leg_pressure.segment import Reader
from recore.simulate.supports import Longwall, LongwallFace

SETTINGS = Settings(yield_mpa=42.0)
FACE = Longwall(
    supports=2,
    days=0.15,
    interval_s=10.0,
    low_s=(30.0, 50.0),
    faults=("none",),
    shear_min=(20.0, 30.0),
    loading_mpa=(5.0, 7.0),
)


@pytest.fixture(scope="module")
def samples():
    parts = [samples_of_log(part) for part in LongwallFace(11, FACE).log()]
    joined = np.concatenate(parts)
    return joined[np.argsort(joined["ts"], kind="stable")]


def samples_of_log(part):
    samples = np.empty(part.num_rows, SAMPLE)
    samples["ts"] = part["ts"].to_numpy().astype("datetime64[us]").astype(np.int64)
    samples["support"], samples["leg"] = part["support"].to_numpy(), part["leg"].to_numpy()
    samples["p"] = part["pressure_mpa"].to_numpy()
    return samples


@pytest.fixture(scope="module")
def whole(samples):
    """The batch result over the same samples."""
    table = pa.table(
        {
            "ts": pa.array(samples["ts"], pa.timestamp("us", "UTC")),
            "support": samples["support"],
            "leg": samples["leg"],
            "pressure_mpa": samples["p"],
        }
    )
    cycles = support_cycles(Table.of(table), yield_mpa=42.0).table
    assert cycles.num_rows > 20
    assert pc.sum(cycles["yield_events"]).as_py() > 8
    return cycles


def one_leg(samples, support=1, leg=1):
    mine = samples[(samples["support"] == support) & (samples["leg"] == leg)]
    return mine["ts"].copy(), mine["p"].copy()


def streamed(ts, p, cuts=(), patience_us=5_000_000):
    stream = LegStream(Reader(SETTINGS.limits, small=True), patience_us)
    for part in np.split(np.arange(len(ts)), sorted(cuts)):
        stream.feed(ts[part], p[part])
    stream.end()
    return stream


def cycles_of(stream):
    return table_of({(1, 1): stream.taken()})


def of_leg_1(cycles):
    return cycles.filter(pc.and_(pc.equal(cycles["support"], 1), pc.equal(cycles["leg"], 1)))


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_any_cut_gives_the_bits_of_the_batch(samples, whole, data):
    ts, p = one_leg(samples)
    cuts = data.draw(st.lists(st.integers(0, len(ts)), max_size=30))
    assert cycles_of(streamed(ts, p, cuts)).equals(of_leg_1(whole))


def test_samples_that_overtake_or_repeat_each_other_change_nothing(samples, whole):
    rng = np.random.default_rng(1)
    ts, p = one_leg(samples)
    twice = np.concatenate([np.arange(len(ts)), rng.integers(0, len(ts), 200)])
    order = twice[np.argsort(ts[twice] + rng.uniform(0, 40e6, len(twice)))]
    stream = streamed(ts[order], p[order], range(0, len(order), 7), patience_us=3_000_000_000)
    assert cycles_of(stream).equals(of_leg_1(whole))
    assert stream.counts.samples == len(ts)
    assert stream.counts.repeated == 200
    assert stream.counts.late == 0


def test_what_is_left_out_is_counted(samples):
    ts, p = one_leg(samples)
    stream = LegStream(Reader(SETTINGS.limits, small=True), 5_000_000)
    stream.feed(ts[:100], p[:100])
    late = ts[50:51] - 1
    for times, pressures in (
        (ts[90:95], p[90:95]),  # again
        (ts[90:91], p[90:91] + 1),  # again, and different
        (late, p[50:51]),
        (np.array([12_000_000]), np.array([20.0])),  # 1970
        (np.array([5 * 10**15]), np.array([20.0])),  # far ahead
        (ts[100:102], np.array([np.nan, np.inf])),
    ):
        stream.feed(times, pressures)
    counts = stream.counts.json()
    assert counts == {"samples": 99, "repeated": 5, "contradicting": 1, "late": 1, "clock": 2, "nan": 2}
    assert stream.last() == (ts[99], p[99])


def test_of_two_pressures_at_one_time_the_nearer_counts():
    ts = np.arange(6, dtype=np.int64) * 10_000_000 + 1_700_000_000_000_000
    p = np.array([20.0, 20.1, 20.2, 20.3, 20.4, 20.5])
    stream = streamed(np.append(ts, ts[3]), np.append(p, 90.0), patience_us=60_000_000)
    assert stream.counts.contradicting == 1
    assert stream._recent[1].tolist() == p.tolist()


def test_a_stream_goes_on_from_what_was_saved(samples, whole):
    ts, p = one_leg(samples)
    reader = Reader(SETTINGS.limits, small=True)
    stream, rows = LegStream(reader), []
    for part in np.array_split(np.arange(len(ts)), 9):
        stream.feed(ts[part], p[part])
        rows.append(stream.taken())
        stream = LegStream.resumed(reader, stream.patience_us, stream.saved())
    stream.end()
    rows.append(stream.taken())
    table = pa.concat_tables([table_of({(1, 1): record}) for record in rows if record is not None])
    assert table.combine_chunks().equals(of_leg_1(whole).combine_chunks())


def stored(folder, samples, *, kill_at=(), checkpoint_at=()):
    """Store samples in steps of 500; some steps are killed before the sender hears of them, and sent again."""
    store = LiveStore(folder, SETTINGS)
    for k, part in enumerate(np.array_split(samples, len(samples) // 500)):
        store.add(part)
        if k in checkpoint_at:
            store.checkpoint()
        if k in kill_at:
            store.abandon()
            store = LiveStore(folder, SETTINGS)
            store.add(part)  # never acknowledged, so it comes again
    for stream in store.legs.values():
        stream.end()
    store.checkpoint()
    return store


def test_a_killed_store_loses_nothing_and_counts_nothing_twice(tmp_path, samples, whole):
    store = stored(tmp_path, samples, kill_at=(3, 7), checkpoint_at=(5, 7, 9))
    assert store.cycles == whole.num_rows
    assert store.table().equals(whole)
    assert store.counts().samples == len(samples)
    store.show()
    store.close()
    assert pq.read_table(tmp_path / "cycles.parquet").equals(whole)
    states = json.loads((tmp_path / "live.json").read_text())
    assert [(s["support"], s["leg"]) for s in states] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert {s["state"] for s in states} <= {"set", "released", "yielding", "gap"}
    # the log that it kept gives the same in one batch
    logs = [Table.of(pq.read_table(path)) for path in sorted((tmp_path / "log").glob("*.parquet"))]
    assert support_cycles(*logs, yield_mpa=42.0).table.equals(whole)


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from recore.fleet.live_store import LiveStore, Settings
from recore.fleet.live_telegrams import SAMPLE
folder = Path(sys.argv[1])
store = LiveStore(folder / "live", Settings(yield_mpa=42.0))
for k, part in enumerate(np.array_split(np.fromfile(folder / "samples.bin", SAMPLE), 20)):
    store.add(part)
    if k == 6:
        store.checkpoint()
    if k == 11:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_is_gone_on_with(tmp_path, samples, whole):
    samples.tofile(tmp_path / "samples.bin")
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    store = LiveStore(tmp_path / "live", SETTINGS)
    for part in np.array_split(samples, 20)[11:]:  # the one that was kept, but not acknowledged, comes again
        store.add(part)
    for stream in store.legs.values():
        stream.end()
    store.checkpoint()
    assert store.table().equals(whole)
    assert store.counts().samples == len(samples)
    store.abandon()


def test_a_kill_inside_a_checkpoint_is_made_good(tmp_path, samples, whole):
    store = LiveStore(tmp_path, SETTINGS)
    store.add(samples[: len(samples) // 2])
    # everything of the checkpoint but the checkpoint itself
    store._save = lambda: (_ for _ in ()).throw(OSError("killed"))
    with pytest.raises(OSError, match="killed"):
        store.checkpoint()
    store.abandon()
    with (tmp_path / "journal" / "00000001.bin").open("ab") as journal:
        journal.write(b"half a record")
    store = LiveStore(tmp_path, SETTINGS)
    assert not list((tmp_path / "log").iterdir())
    store.add(samples[len(samples) // 2 :])
    for stream in store.legs.values():
        stream.end()
    store.checkpoint()
    assert store.table().equals(whole)
    store.abandon()


def test_a_folder_serves_one_process_and_one_setting(tmp_path, samples):
    store = LiveStore(tmp_path, SETTINGS)
    with pytest.raises(BadInput, match="another process"):
        LiveStore(tmp_path, SETTINGS)
    store.add(samples[:10])
    store.close()
    with pytest.raises(BadInput, match="other thresholds"):
        LiveStore(tmp_path, Settings(yield_mpa=40.0))
    LiveStore(tmp_path, SETTINGS).abandon()
    with pytest.raises(BadInput, match="release threshold"):
        Settings(set_threshold_mpa=2.0)


def test_a_clock_far_ahead_of_the_receivers_is_wrong(tmp_path, samples):
    store = LiveStore(tmp_path, SETTINGS)
    now = int(samples["ts"][50])
    early = samples[:51].copy()
    early["ts"][10] += 2 * 3600 * 1_000_000
    store.add(early, now_us=now)
    assert store.counts().clock == 1
    store.abandon()
    store = LiveStore(tmp_path, SETTINGS)  # judged the same when it is read again
    assert store.counts().clock == 1
    store.abandon()
