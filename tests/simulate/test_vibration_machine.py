"""The simulated machine does what its description says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from recore.errors import BadInput
from recore.simulate.vibration import Machine, vibration

BARE = Machine(mesh=0.0, shaft=0.0, pink=0.0, white=0.0, speed_wander_pct=0.0, seconds=4.0)


def signal_of(made):
    return made.records["rec"]["housing [m/s²]"].to_numpy()


def envelope_lines(made, machine, hertz, width=0.6):
    """Height of lines of the squared signal's spectrum over its median."""
    squared = signal_of(made) ** 2
    power = abs(np.fft.rfft(squared - squared.mean()))
    f = np.fft.rfftfreq(len(squared), 1 / machine.rate_hz)
    floor = np.median(power[(f > 5) & (f < 1000)])
    return [power[abs(f - h) < width].max() / floor for h in hertz]


def test_orders_of_a_published_bearing():
    # 6205-2RS as the bearing data centre of Case Western Reserve University gives them: 3.5848, 5.4152, 4.7135, 0.39828
    found = Machine(bearing="6205-2RS").orders
    assert [found[n] for n in ("outer", "inner", "ball", "cage")] == pytest.approx(
        [3.5848, 5.4152, 4.7135, 0.39828], rel=3e-4
    )
    assert Machine(bearing="9, 7.94, 39.04").orders == found


@pytest.mark.parametrize("fault", ["outer", "inner", "ball"])
def test_a_fault_beats_at_its_frequency(fault):
    machine = replace(BARE, fault=fault, slip_pct=0.3)
    made = vibration(3, machine)
    hertz = made.truth["frequencies_hz"][fault]
    assert hertz == pytest.approx(machine.orders[fault] * 1797 / 60)
    (line,) = envelope_lines(made, machine, [hertz], width=1.5)
    others = [made.truth["frequencies_hz"][n] for n in ("outer", "inner", "ball") if n != fault]
    assert line > 20 and line > 3 * max(envelope_lines(made, machine, others, width=1.5))
    assert made.truth["blows"] == pytest.approx(machine.orders[fault] * 1797 / 60 * 4, rel=0.05)


def test_inner_and_ball_faults_are_modulated():
    shaft = 1797 / 60
    inner = replace(BARE, fault="inner", slip_pct=0.2)
    (carrier,) = envelope_lines(vibration(2, inner), inner, [inner.orders["inner"] * shaft], width=1.5)
    sides = envelope_lines(
        vibration(2, inner), inner, [(inner.orders["inner"] + s) * shaft for s in (-1, 1)], 1.5
    )
    assert min(sides) > 0.2 * carrier
    outer = replace(BARE, fault="outer", slip_pct=0.2)
    (carrier,) = envelope_lines(vibration(2, outer), outer, [outer.orders["outer"] * shaft], width=1.5)
    sides = envelope_lines(
        vibration(2, outer), outer, [(outer.orders["outer"] + s) * shaft for s in (-1, 1)], 1.5
    )
    assert max(sides) < 0.1 * carrier


def test_a_blow_rings_the_resonance():
    machine = replace(BARE, fault="outer", resonance_hz=3200.0, damping=0.02)
    x = signal_of(vibration(1, machine))
    f = np.fft.rfftfreq(len(x), 1 / machine.rate_hz)
    power = abs(np.fft.rfft(x)) ** 2
    assert (f * power).sum() / power.sum() == pytest.approx(3200, rel=0.05)
    assert not signal_of(vibration(1, replace(machine, fault="none"))).any()


def test_slip_smears_high_harmonics():
    shaft = 1797 / 60
    heights = []
    for slip in (0.1, 2.0):
        machine = replace(BARE, fault="outer", slip_pct=slip)
        heights.append(
            envelope_lines(vibration(5, machine), machine, [8 * machine.orders["outer"] * shaft], 4.0)[0]
        )
    assert heights[0] > 3 * heights[1]


def test_background_has_its_size_and_its_lines():
    machine = replace(BARE, pink=0.4, white=0.3)
    assert signal_of(vibration(1, machine)).std() == pytest.approx(0.5, rel=0.03)
    pink = signal_of(vibration(1, replace(BARE, pink=1.0)))
    power = abs(np.fft.rfft(pink)) ** 2
    low, high = power[100:200].mean(), power[1600:3200].mean()
    assert low / high == pytest.approx(16, rel=0.4)
    geared = signal_of(vibration(1, replace(BARE, mesh=0.5, shaft=0.2)))
    spectrum = abs(np.fft.rfft(geared)) * 2 / len(geared)
    f = np.fft.rfftfreq(len(geared), 1 / 12_000)
    assert spectrum[abs(f - 21 * 1797 / 60) < 0.5].max() == pytest.approx(0.5, rel=0.2)


def test_tacho_and_wandering_speed():
    made = vibration(1, replace(BARE, speed_wander_pct=1.0))
    tacho = made.records["rec"]["tacho_v"].to_numpy()
    rises = np.flatnonzero(np.diff(tacho) > 0)
    assert len(rises) == pytest.approx(made.truth["revolutions"], abs=1.5)
    assert np.diff(rises).std() > 0.5


def test_the_seed_decides():
    assert vibration(1).records["rec"].equals(vibration(1).records["rec"])
    assert not vibration(1).records["rec"].equals(vibration(2).records["rec"])


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"bearing": "6999"}, "6205 or 6203"),
        ({"bearing": "9,40,30,0"}, "6205 or 6203"),
        ({"bearing": "9,x,30,0"}, "6205 or 6203"),
        ({"fault": "cage"}, "outer or ball"),
        ({"white": -1.0}, "at least 0"),
        ({"rate_hz": 0.0}, "more than 0"),
        ({"damping": 1.0}, "less than 1"),
        ({"load_zone_deg": 0.0}, "180"),
        ({"seconds": 1e6}, "samples"),
        ({"resonance_hz": 6000.0}, "half the sampling rate"),
        ({"speed_rpm": 60_000.0}, "between two blows"),
    ],
)
def test_a_machine_that_cannot_be(what, word):
    with pytest.raises(BadInput, match=word):
        vibration(1, Machine(**what))


def test_through_the_command_line(recore, tmp_path):
    ended = recore(
        "simulate", "vibration", "--seed", 1, "--out", tmp_path, "--fault", "ball", "--bearing", "6203",
        "--seconds", 0.5, "-p", "white=0.1",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert (tmp_path / "rec.csv").read_text().startswith('"time_s","housing [m/s²]","tacho_v"')
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["synthetic"] is True and truth["machine"]["white"] == 0.1 and truth["fault"] == "ball"
    wrong = recore("simulate", "vibration", "--seed", 1, "--out", tmp_path / "no", "--fault", "cage")
    assert wrong.status == 2 and not (tmp_path / "no").exists()
