"""Defect orders of rolling bearings: published values, spellings, faults of the input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.metrology.bearing import Bearing, bearing_of, bearing_table


@pytest.mark.parametrize(
    ("name", "outer", "inner", "ball", "cage"),
    [
        # published with the data: 6205 drive end and 6203 fan end (Case Western), MFPT at 25 Hz, ZA-2115 at 2000 rpm
        ("6205", 3.5848, 5.4152, 4.7135 / 2, 0.39828),
        ("6203", 3.0530, 4.9469, 3.9874 / 2, 0.3817),
        ("NICE", 81.125 / 25, 118.875 / 25, 63.91 / 25, 14.8375 / 25),
        ("ZA-2115", 236.4 * 60 / 2000, 296.9 * 60 / 2000, 139.9 * 60 / 2000, 14.8 * 60 / 2000),
    ],
)
def test_published_orders(name, outer, inner, ball, cage):
    orders = bearing_of(name).orders()
    assert orders.outer == pytest.approx(outer, rel=5e-4)
    assert orders.inner == pytest.approx(inner, rel=5e-4)
    assert orders.ball == pytest.approx(ball, rel=1e-3)
    if name != "NICE":  # its table prints the cage of the inner ring
        assert orders.cage == pytest.approx(cage, rel=3e-3)


@pytest.mark.parametrize(
    "text", ["6205", "6205-2RS", "SKF 6205-2RS JEM", " 6205 zz c3 ", "6205-2RS1/C3", "nsk 6205DDU", "6205 2Z"]
)
def test_seals_clearance_and_maker_do_not_matter(text):
    assert bearing_of(text) == bearing_table()["6205"].bearing


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not in the table"),
        ("6999", "is not in the table"),
        ("62055", "is not in the table"),
        ("6205ETN9", "may stand for another inside"),
        ("n=9,d=7.94", "do not make a bearing"),
        ("n=9,d=7.94,D=39.04,x=1", "do not make a bearing"),
        ("n=9,n=8,d=7.94,D=39.04", "'n=8'"),
        ("n=9,d=,D=39.04", "'d='"),
        ("n=nine,d=7.94,D=39.04", "is no number"),
        ("n=9,d=7.94 furlong,D=39.04", "is no length"),
        ("n=9.5,d=7.94,D=39.04", "is no bearing"),
        ("n=9,d=39.04,D=7.94", "is no bearing"),
        ("n=9,d=7.94,D=39.04,contact=90", "is no bearing"),
        ("n=30,d=7.94,D=39.04", "do not fit"),
        ("bpfo=5.4,bpfi=3.6,bsf=2.4", "the higher one"),
        ("bpfo=3.585,bpfi=5.115,bsf=2.357", "add up to"),
        ("bpfo=3.585,bpfi=5.415,bsf=2.357,ftf=0.6", "does not belong"),
        ("bpfo=inf,bpfi=5.415,bsf=2.357", "is no number"),
    ],
)
def test_what_is_no_bearing(text, says):
    with pytest.raises(BadInput) as caught:
        bearing_of(text)
    assert says in str(caught.value)
    assert caught.value.where == "bearing" and caught.value.right


def test_an_unknown_one_is_told_the_alternatives():
    with pytest.raises(BadInput, match=r"n=9,d=7\.94,D=39\.04.*bpfo=.*6205"):
        bearing_of("7008C")


def test_geometry_in_either_unit():
    inch = bearing_of("n=9,d=0.3126in,D=1.537 in,contact=0")
    assert isinstance(inch, Bearing)
    assert inch.orders() == bearing_of("6205").orders()
    assert bearing_of("n=9; d=7.94; D=39.04").orders().outer == pytest.approx(3.5848, abs=1e-4)
    assert bearing_of("n=16,d=8.4,D=71.5,contact=15.17°").orders().outer < 8


def test_orders_as_stated():
    stated = bearing_of("BPFO=3.585, BPFI=5.415, BSF=2.357")
    assert (stated.orders().outer, stated.orders().ball) == (3.585, 2.357)
    assert stated.orders().cage == pytest.approx(3.585 / 9)
    assert "BPFO 3.585" in str(stated)


def test_every_row_has_a_source():
    for name, row in bearing_table().items():
        assert row.source.startswith("https://") and row.level in (1, 2, 3, 4) and row.of
        o = row.bearing.orders()
        assert o.outer + o.inner == pytest.approx(row.bearing.elements)
        assert o.cage == pytest.approx(o.outer / row.bearing.elements)
        assert name in str(row.bearing)


@given(
    n=st.integers(3, 60),
    share=st.floats(0.02, 0.9),
    pitch=st.floats(1, 1000),
    contact=st.floats(0, 60),
)
def test_the_kinematics_of_any_bearing(n, share, pitch, contact):
    element = share * pitch * min(1.0, 3 / n)
    o = bearing_of(f"n={n},d={element:.6f},D={pitch:.6f},contact={contact:.4f}").orders()
    assert o.outer + o.inner == pytest.approx(n)
    assert o.cage * n == pytest.approx(o.outer)
    assert 0 < o.cage < 0.5 < o.inner / n
    again = bearing_of(f"bpfo={o.outer!r},bpfi={o.inner!r},bsf={o.ball!r}").orders()
    assert again.cage == pytest.approx(o.cage)
