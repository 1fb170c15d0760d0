"""The method `vibration.envelope`: spectra, the null, known rigs, measured records, faults of the input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bearing_rig import ORDERS, RATE, SHAFT, pulses, record

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.bearing import bearing_of
from recore.metrology.vibration import bearing_lines
from recore.metrology.vibration.bearing_lines import PARTS, Match, Null, Search, combs, gumbel
from recore.metrology.vibration.bearing_verdict import jackknife
from recore.metrology.vibration.envelope import envelope
from recore.metrology.vibration.envelope_lines import modulation_of
from recore.metrology.vibration.envelope_record import rising_edges
from recore.metrology.vibration.envelope_spectrum import (
    Band,
    OrderSpectra,
    band_envelopes,
    squared_envelope_spectrum,
)

BEARING = bearing_of("6205").orders()
ASKED = {"bearing": "6205-2RS", "speed_rpm": 60 * SHAFT, "rate_hz": RATE}


def codes(notes):
    return {note.code for note in notes}


def run(x, **changed):
    return envelope(Table.of({"accel_g": x}), **(ASKED | changed))


def analytic(x):
    """The textbook analytic signal: twice the positive frequencies, none of the negative ones."""
    bins = np.fft.fft(x)
    n = len(x)
    bins[1 : (n + 1) // 2] *= 2
    bins[n // 2 + 1 :] = 0
    return np.fft.ifft(bins)


# --- spectra --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("band", [None, (1000.0, 3000.0)])
def test_a_modulated_tone_has_the_amplitudes_of_its_square(band):
    t = np.arange(10_000) / 10_000
    x = 3 * (1 + 0.4 * np.cos(2 * np.pi * 90 * t)) * np.cos(2 * np.pi * 2000 * t)
    hertz, level = squared_envelope_spectrum(x, 10_000, band)
    # a²(1 + m cos)² = a²(1 + m²/2 + 2 m cos + m²/2 cos 2·)
    assert level[90] == pytest.approx(2 * 0.4 * 9, rel=1e-9)
    assert level[180] == pytest.approx(0.4**2 / 2 * 9, rel=1e-9)
    assert level[0] == pytest.approx(9 * (1 + 0.4**2 / 2), rel=1e-9)
    assert hertz[90] == pytest.approx(90)
    assert np.delete(level, [0, 90, 180]).max() < 1e-9


@pytest.mark.parametrize("n", [4096, 4095])
@pytest.mark.parametrize(("low", "high"), [(1024, 1536), (1, 700), (1800, 2047)])
def test_a_band_agrees_with_the_analytic_signal_of_the_filtered_record(n, low, high):
    x = np.random.default_rng(1).standard_normal(n)
    _, level = squared_envelope_spectrum(x, float(n), (low, high))
    bins = np.fft.rfft(x)
    bins[:low], bins[high:] = 0, 0
    naive = np.abs(np.fft.rfft(np.abs(analytic(np.fft.irfft(bins, n))) ** 2)) * 2 / n
    np.testing.assert_allclose(level[1:], naive[1 : len(level)], atol=1e-12)


def test_everything_agrees_with_the_analytic_signal():
    x = np.random.default_rng(1).standard_normal(3001)
    _, level = squared_envelope_spectrum(x, 3001.0)
    naive = np.abs(np.fft.rfft(np.abs(analytic(x)) ** 2)) * 2 / 3001
    np.testing.assert_allclose(level[1:], naive[1:], atol=1e-12)
    _, single = squared_envelope_spectrum(x.astype(np.float32), 3001.0)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, level, atol=1e-6)


def test_bands_narrow_no_further_than_the_lines_allow():
    x = np.random.default_rng(2).standard_normal(12_000)
    low, bands = band_envelopes(x, RATE, shaft_hz=SHAFT, top_hz=600.0)
    assert len(bands) == 2 * (1 + 2 + 4 + 8) and low.shape[0] == len(bands)
    _, fewer = band_envelopes(x, RATE, shaft_hz=SHAFT, top_hz=2000.0)
    assert len(fewer) == 2 * (1 + 2)


def test_discrete_lines_leave_the_levelled_spectrum():
    rng = np.random.default_rng(3)
    t = np.arange(24_000) / RATE
    noise = rng.standard_normal(len(t))
    tones = 5 * np.cos(2 * np.pi * 3000 * t) + 5 * np.cos(2 * np.pi * 3107 * t)
    _, bands = band_envelopes(noise, RATE, shaft_hz=SHAFT, top_hz=600.0)
    whole = next(i for i, band in enumerate(bands) if band.whitening == "levelled")
    beat = []
    for x in (noise, noise + tones):
        low, _ = band_envelopes(x, RATE, shaft_hz=SHAFT, top_hz=600.0)
        beat.append(np.abs(np.fft.rfft(low[whole]))[214] / np.median(np.abs(np.fft.rfft(low[whole]))))
    assert beat[1] < 8 < np.abs(np.fft.rfft((noise + tones) ** 2))[214] / 1000


# --- the null -------------------------------------------------------------------------------------------------------


def test_gumbel_moments():
    samples = 3 - 0.7 * np.log(-np.log(np.random.default_rng(4).uniform(size=200_000)))
    assert gumbel(samples) == pytest.approx((3, 0.7), rel=0.01)


def test_the_score_is_the_probability():
    null = Null(np.zeros(1), np.ones(1), 2.0, 0.5, 80)
    assert 10 ** -null.score(3.5) == pytest.approx(1 - np.exp(-np.exp(-3)), rel=1e-9)
    assert null.score(-10) == 0
    assert null.score(2 + 0.5 * 30.001) == pytest.approx(null.score(2 + 0.5 * 29.999), abs=0.01)


def test_noise_is_called_faulty_as_often_as_asked():
    """100 spectra of noise with the correlation of the Hann window: the rate of alarms is the one asked for."""
    wanted = combs(BEARING)
    turns, bins = 60.0, 2000
    search = Search(wanted, BEARING, turns, bins, 0.02)
    assert search.enough
    rng = np.random.default_rng(5)
    scores = np.empty((100, 3))
    for i in range(len(scores)):
        white = rng.standard_normal((2, bins + 2)) + 1j * rng.standard_normal((2, bins + 2))
        level = np.abs(white[:, 1:-1] - 0.5 * (white[:, :-2] + white[:, 2:])) ** 2 / 3
        evidence = search.evidence(level.astype(np.float32))
        scores[i] = [search.match(evidence, part).score for part in PARTS]
    each = (scores > -np.log10(0.05)).mean()
    assert 0.01 < each < 0.10  # 5 % asked; four standard deviations of 300 draws
    assert (scores.max(axis=1) > -np.log10(0.05 / 3)).mean() <= 0.12
    assert (scores.max(axis=1) > -np.log10(0.02 / 3)).mean() <= 0.08


def test_a_comb_with_closed_lines_scores_without_bias():
    search = Search(combs(BEARING), BEARING, 60.0, 2000, 0.02)
    rng = np.random.default_rng(6)
    level = rng.exponential(size=(40, 2000)).astype(np.float32)
    evidence = search.evidence(level)
    closed = search.without(
        evidence, Match("inner", BEARING.inner, 0.0, 0, Null(np.zeros(1), np.ones(1), 0, 1, 1))
    )
    everywhere = slice(None)
    full, partly = (
        search._scores(e, "ball", everywhere) - search.handicap / 1.58 for e in (evidence, closed)
    )
    assert closed.is_open.sum() < 0.8 * evidence.is_open.sum()
    assert abs(float(np.median(full)) - float(np.median(partly))) < 0.25 * float(full.std())
    assert partly.std() == pytest.approx(full.std(), rel=0.25)


def test_frequency_scatters_as_the_monte_carlo_says():
    level = np.ones(2000)
    multiples = [1, 2, 3]
    for k in multiples:  # a line in the middle of a bin under a Hann window
        level[k * 376 - 1 : k * 376 + 2] += 5000 * np.array([0.25, 1.0, 0.25])
    made = bearing_lines.simulated_orders(level, 4.7, 80.0, multiples, 1, 2000, 7)
    again = bearing_lines.simulated_orders(level, 4.7, 80.0, multiples, 1, 2000, 8)
    assert abs(made.mean() - 4.7) < 4e-4
    assert made.std() == pytest.approx(again.std(), rel=0.1)
    quieter = bearing_lines.simulated_orders(level, 4.7, 80.0, multiples, 4, 2000, 7)
    assert quieter.std() == pytest.approx(made.std() / 2, rel=0.15)


def test_sidebands_of_noise_are_not_stated():
    rng = np.random.default_rng(9)
    match = Match("inner", BEARING.inner, 9.0, 0, Null(np.zeros(1), np.ones(1), 0, 1, 1))
    stated = 0
    for _ in range(200):
        level = rng.exponential(size=(1, 2000)).astype(np.float32)
        stated += (
            modulation_of(OrderSpectra(level, 80.0, (Band(0, 1, "levelled"),), 1, ()), match, BEARING)
            != "none"
        )
    assert stated <= 10


def test_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(10).standard_normal(12)
    left = [np.delete(x, i).mean() for i in range(12)]
    assert jackknife(left) == pytest.approx(x.std(ddof=1) / np.sqrt(12))


# --- rigs of known truth --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known():
    """One finding for each part, from rigs of 120 turns."""
    return {part: run(record(part, seed=20 + i)[0]) for i, part in enumerate(PARTS)}


@pytest.mark.parametrize("part", PARTS)
def test_the_part_is_found_at_its_frequency(known, part):
    found = known[part]
    assert found.fault.value == part
    score = {p: getattr(found, f"score_{p}").value for p in PARTS}
    assert score[part] > found.threshold.value and score[part] == max(score.values())
    order = {"outer": ORDERS[0], "inner": ORDERS[1], "ball": 2 * ORDERS[2]}[part]
    # random slip of 0.5 % a gap lets the mean wander by 0.5 % over the root of the number of gaps
    wander = 2 * 0.005 / np.sqrt(order * 120)
    off = abs(found.frequency.value / (order * SHAFT * 1.004) - 1)
    assert off < wander + found.frequency.uncertainty / found.frequency.value
    assert found.slip.value == pytest.approx(0.4, abs=found.slip.uncertainty)
    assert found.slip.uncertainty > 0.49  # the speed is stated to 0.5 %
    assert found.band_low.value < 3500 < found.band_high.value
    assert found.confidence.value > 0.9


def test_sidebands_tell_what_the_spot_turns_with(known):
    assert known["outer"].modulation.value == "none"
    assert "shaft" in known["inner"].modulation.value
    assert "cage" in known["ball"].modulation.value


def test_lines_and_budget_say_where_the_numbers_come_from(known):
    found = known["inner"]
    lines = found.lines.to_pylist()
    assert {row["part"] for row in lines} == set(PARTS)
    assert any("evidence level 4" in note.text for note in found.flags if note.code == "bearing-from-table")
    carrier = next(row for row in lines if row["line"] == "1 × BPFI")
    assert carrier["found_hz"] == pytest.approx(found.frequency.value, abs=SHAFT / 120)
    assert carrier["found_u_hz"] == found.frequency.uncertainty and carrier["level_db"] > 10
    assert next(row for row in lines if row["line"] == "2 × BPFI + shaft")["order"] == pytest.approx(
        2 * 5.4152 + 1, abs=1e-3
    )
    budget = found.budget.to_pylist()
    assert {row["result"] for row in budget} >= {
        "frequency",
        "slip",
        "score_inner",
        "rms",
        "kurtosis",
        "crest_factor",
    }
    assert any(row["source"].startswith("Monte Carlo") and row["result"] == "frequency" for row in budget)


@pytest.mark.parametrize("seed", range(2))
def test_a_sound_machine_is_called_sound(seed):
    found = run(record("none", seed=40 + seed, turns=80)[0], trials=0)
    assert found.fault.value == "none"
    assert found.frequency is None and found.band_low is None and found.modulation is None


def test_two_faults_are_not_taken_for_one():
    close = run(record("inner+ball", seed=60, snr=0.45)[0], trials=0)
    assert close.fault.value == "undecided" and "two-faults-close" in codes(close.flags)
    assert close.confidence.value < 0.9
    apart = run(record("outer+inner", seed=60, snr=0.45)[0], trials=0)
    assert apart.fault.value == "undecided" or "second-fault" in codes(apart.flags)


def test_a_swaying_speed_is_followed_by_its_tacho():
    x, angle = record("outer", seed=70, sway=0.08, turns=80)
    asked = {"bearing": "6205", "rate_hz": RATE, "trials": 0}
    table = Table.of({"accel_g": x, "tacho": pulses(angle)})
    found = envelope(table, **asked, tacho="tacho")
    assert found.fault.value == "outer"
    assert found.slip.value == pytest.approx(0.4, abs=0.15)
    assert found.turns.value == pytest.approx(angle[-1], abs=2)
    rpm = 60 * np.gradient(angle) * RATE
    by_speed = envelope(Table.of({"accel_g": x, "speed_rpm": rpm}), **asked)
    assert by_speed.fault.value == "outer"
    constant = envelope(Table.of({"accel_g": x}), **asked, speed_rpm=60 * SHAFT)
    assert constant.score_outer.value < 0.5 * found.score_outer.value


def test_long_records_are_averaged():
    x = np.tile(record("outer", seed=71, turns=202)[0], 2)
    found = run(x, trials=50)
    assert found.turns.value == pytest.approx(404, abs=0.1) and found.fault.value == "outer"


def test_pulses_are_placed_between_samples():
    edges = rising_edges(np.array([0, 0, 0.2, 0.9, 1, 1, 0.1, 0, 0, 0.5, 1, 1, 0, 0.0]))
    np.testing.assert_allclose(edges, [2 + 0.3 / 0.7, 9.0], atol=1e-12)


# --- measured records -----------------------------------------------------------------------------------------------

MEASURED = {
    "cwru_de_inner_007_105_0": ("6205-2RS", 1797, 12_000, "inner"),
    "cwru_de_normal_0": ("6205-2RS", 1796, 48_000, "none"),
    "mfpt_InnerRaceFault_vload_1": ("NICE", 1500, 48_828, "inner"),
    "mfpt_OuterRaceFault_vload_5": ("NICE", 1500, 48_828, "outer"),
}


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_measured_records(shared_data, name):
    bearing, speed, rate, truth = MEASURED[name]
    x = np.load(shared_data(f"vibration/{name}.npz"))["accel_g"].astype(float).ravel()
    found = run(x, bearing=bearing, speed_rpm=speed, rate_hz=rate, trials=20)
    assert found.fault.value == truth
    if truth != "none":
        assert abs(found.slip.value) < 2


# --- faults of the input --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short():
    return record("outer", seed=80, turns=60)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"speed_rpm": None}, "the speed of the shaft is not known"),
        ({"rate_hz": None}, "how fast it was sampled"),
        ({"rate_hz": 800.0}, "the lines reach"),
        ({"bearing": "9999"}, "is not in the table"),
        ({"channels": ["nothing"]}, "nothing"),
    ],
)
def test_bad_input(short, changed, says):
    with pytest.raises(BadInput, match=says) as caught:
        run(short[0], **changed)
    assert caught.value.right


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"accel_g": np.full(20_000, 0.3)}, "one value only"),
        ({"accel_g": np.r_[np.zeros(9), np.nan, np.ones(19_990)]}, "accel_g"),
        ({"temp_c": np.arange(20_000.0)}, "no channel"),
        ({"oil_bar": np.arange(20_000.0)}, "a pressure"),
        ({"a_g": np.arange(20_000.0), "b_g": np.arange(20_000.0)}, "a_g, b_g"),
        ({"X1_FE_time": np.arange(20_000.0), "X1_BA_time": np.arange(20_000.0)}, "X1_FE_time, X1_BA_time"),
        ({"accel_g": np.arange(20_000.0), "speed_rpm": np.r_[np.full(19_999, 9.0), -1]}, "stands still"),
    ],
)
def test_columns_that_are_no_vibration(columns, says):
    with pytest.raises(BadInput, match=says):
        envelope(Table.of(columns), **(ASKED | {"speed_rpm": None if "speed_rpm" in columns else 1800.0}))


def test_a_tacho_that_contradicts_the_speed(short):
    table = Table.of({"accel_g": short[0], "tacho": pulses(short[1], 2)})
    with pytest.raises(BadInput, match="turns at 3600 rpm, and speed_rpm = 1800"):
        envelope(table, **ASKED, tacho="tacho")
    assert envelope(table, **ASKED, tacho="tacho", pulses_per_turn=2, trials=0).fault.value == "outer"


def test_no_pulses(short):
    table = Table.of({"accel_g": short[0], "tacho": np.r_[np.zeros(100), np.ones(len(short[0]) - 100)]})
    with pytest.raises(BadInput, match="1 pulses"):
        envelope(table, bearing="6205", rate_hz=RATE, tacho="tacho")


def test_the_drive_end_is_taken_of_a_record_that_is_named_so(short):
    x, other = short[0], record("none", seed=81, turns=60)[0]
    found = envelope(
        Table.of({"X105_DE_time": x, "X105_FE_time": other, "X105_BA_time": other}), **ASKED, trials=0
    )
    alone = envelope(Table.of({"X105_DE_time": x}), **ASKED, trials=0)
    assert found.score_outer == alone.score_outer
    assert codes(found.flags) - codes(alone.flags) == {"channel-chosen"} and "unit-unknown" in codes(
        alone.flags
    )
    fan = envelope(
        Table.of({"X105_DE_time": x, "X105_FE_time": other}), **ASKED, channels=["X105_FE_time"], trials=0
    )
    assert fan.rms.value == pytest.approx(other.std()) and fan.rms.unit == "1"


def test_clipped(short):
    x = short[0]
    with pytest.raises(Refusal, match="clipped"):
        run(np.clip(x, -1.2 * x.std(), 1.2 * x.std()))
    x = x.copy()
    x[100:103] = 1.01 * np.abs(x).max()
    assert "clipped" in codes(run(x, trials=0).flags)


def test_a_wrong_unit_is_doubted(short):
    assert "unit-doubtful" in codes(run(1e5 * short[0], trials=0).flags)


def test_too_few_turns_decide_nothing(short):
    found = run(short[0][: int(30 * RATE / SHAFT)])
    assert found.fault.value == "undecided" and codes(found.refusals) == {"too-few-turns"}
    assert found.score_outer is None and found.lines is None and found.confidence is None
    assert envelope.draw(found)["mark"] == "point"


def test_a_part_that_turns_with_a_harmonic_of_the_shaft_is_not_looked_for():
    x = record("none", seed=82, turns=60)[0]
    found = run(x, bearing="bpfo=4.01,bpfi=5.99,bsf=2.4", trials=0)
    assert found.score_outer is None and found.score_inner is None and found.score_ball is not None
    assert codes(found.refusals) == {"coincides-with-shaft"} and found.fault.value == "undecided"


def test_a_band_without_room_for_a_null_is_refused(short):
    with pytest.raises(Refusal, match="twenty"):
        run(short[0][::10], rate_hz=RATE / 10, slip_percent=5.0)


def test_level_crest_and_kurtosis(short):
    found = run(short[0], trials=0)
    x = short[0] - short[0].mean()
    assert found.rms.value == pytest.approx(x.std()) and found.rms.unit == "g_n"
    assert found.crest_factor.value == pytest.approx(np.abs(x).max() / x.std())
    assert found.kurtosis.value == pytest.approx((x**4).mean() / x.var() ** 2)
    left = [np.delete(np.array_split(x, 10), i, axis=0).std() for i in range(10)]
    assert found.rms.uncertainty == pytest.approx(2 * jackknife(left))


def test_scale_changes_nothing_but_the_level(short):
    one, ten = run(short[0], trials=0), run(10 * short[0], trials=0)
    assert one.score_outer.value == pytest.approx(ten.score_outer.value, rel=1e-4)
    assert ten.rms.value == pytest.approx(10 * one.rms.value)
    assert ten.kurtosis.value == pytest.approx(one.kurtosis.value)


# --- the door -------------------------------------------------------------------------------------------------------


def test_through_the_command_line(recore, tmp_path, short):
    path = tmp_path / "rec.csv"
    path.write_text("accel_g\n" + "\n".join(f"{v:.6g}" for v in short[0]))
    ended = recore(
        "run", "vibration.envelope", path, "-p", "rate_hz=12000", "-p", "speed_rpm=1800", "-p", "bearing=6205-2RS", "--json"
    )  # fmt: skip
    assert ended.status == 0
    results = ended.json["results"]
    assert results["fault"]["value"] == "outer"
    assert {"score_inner", "score_outer", "score_ball", "threshold", "frequency", "slip"} <= set(results)
    unknown = recore(
        "run", "vibration.envelope", path, "-p", "speed_rpm=1800", "-p", "bearing=6205", "--json"
    )
    assert unknown.status == 2 and "rate_hz" in unknown.err + unknown.out


def test_the_plot_shows_the_lines(known):
    chart = envelope.draw(known["inner"])
    json.dumps(chart, allow_nan=False)
    assert "fault: inner" in chart["title"]["text"] and "(k = 2)" in chart["title"]["text"]
    assert len(chart["layer"][0]["data"]["values"]) > 200
    assert {row["part"] for row in chart["layer"][1]["data"]["values"]} == set(PARTS)
