"""Who a machine is."""

from __future__ import annotations

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.model.case import Machine
from recore.model.identity import Gs1Key, aliases, digital_link, machine_urn, pin


def test_the_urn_is_the_digest_of_the_normalised_plate():
    plate = b'{"maker":"bohrwerk gmbh","model":"bw 2","serial":"4711"}'
    wanted = "urn:recore:machine:" + hashlib.sha256(plate).hexdigest()
    assert machine_urn("Bohrwerk  GmbH", "BW 2", "4711") == wanted
    assert machine_urn(" BOHRWERK gmbh ", "bw\u00a02", "\uff14711") == wanted


@given(st.text(min_size=1), st.text(min_size=1))
def test_case_and_white_space_do_not_matter_and_the_rest_does(maker, serial):
    try:
        urn = machine_urn(maker, "M", serial)
    except BadInput as error:
        assert "is empty" in str(error)
        return
    assert machine_urn(f"  {maker}\t", "m", serial) == urn
    assert machine_urn(maker, "M", serial + "x") != urn
    assert machine_urn(maker.casefold(), "M", serial.casefold()) == urn


def test_fields_do_not_run_into_each_other():
    assert machine_urn("A", "BC", "1") != machine_urn("AB", "C", "1")
    assert machine_urn("A", "B", "12-3") != machine_urn("A", "B", "123")


def test_an_empty_plate_field_is_bad_input():
    with pytest.raises(BadInput, match="machine serial"):
        machine_urn("A", "B", " \t")


def test_a_pin_is_read_for_structure_only():
    checked = pin(" 1ff380gxkcd123456 ")
    assert (checked.structure_ok, checked.charset_ok, checked.check_letter) == (
        True,
        True,
        "rule_unavailable",
    )
    assert (checked.manufacturer, checked.descriptor) == ("1FF", "380GX")
    assert (checked.check, checked.indicator) == ("K", "CD123456")
    assert checked.notes == ()


@given(st.text(string.ascii_uppercase + string.digits, min_size=17, max_size=17), st.sampled_from("AZ09"))
def test_no_check_letter_makes_a_pin_bad(number, letter):
    checked = pin(number[:8] + letter + number[9:])
    assert checked.structure_ok and checked.charset_ok and checked.check_letter == "rule_unavailable"


@pytest.mark.parametrize(
    ("number", "structure", "charset", "says"),
    [
        ("ABC123", False, True, "6 characters"),
        ("ABC12345X000047110", False, True, "18 characters"),
        ("ABC12345X0000471Ж", True, False, "Latin"),
        ("ABC-2345X00004711", True, False, "'-'"),
        ("IBC12345X0000471O", True, True, "I O"),
        ("", False, True, "0 characters"),
    ],
)
def test_a_bad_pin_is_told_and_not_fatal(number, structure, charset, says):
    checked = pin(number)
    assert (checked.structure_ok, checked.charset_ok) == (structure, charset)
    assert any(says in note for note in checked.notes)


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("https://id.gs1.org/01/09521234543213/21/A1", Gs1Key("01", "09521234543213", "A1")),
        (
            "https://parts.example/x/01/9521234543213/21/12%2F3?11=260501",
            Gs1Key("01", "09521234543213", "12/3"),
        ),
        ("http://id.gs1.org/8003/09521234543213SER/", Gs1Key("8003", "09521234543213SER")),
        ("https://id.gs1.org/8003/09521234543213", Gs1Key("8003", "09521234543213")),
        ("HTTPS://id.gs1.org/8004/9521" + "A" * 26, Gs1Key("8004", "9521" + "A" * 26)),
    ],
)
def test_digital_links_are_read(uri, key):
    assert digital_link(uri) == key
    assert digital_link(key.uri) == key


def test_a_gtin_of_the_general_specifications_has_check_digit_3():
    # GS1 General Specifications, 7.9, worked example 6 2 9 1 0 4 1 5 0 0 2 1 → 3
    assert digital_link("https://id.gs1.org/01/6291041500213/21/1").value == "06291041500213"
    with pytest.raises(BadInput, match="3 is right"):
        digital_link("https://id.gs1.org/01/6291041500214/21/1")


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("https://id.gs1.org/8004/9521" + "A" * 27, "31 characters"),
        ("https://id.gs1.org/8004/ABC", "company prefix"),
        ("https://id.gs1.org/8004/9521%20A", "does not allow"),
        ("https://id.gs1.org/8004/9521/21/1", "does not go with 8004"),
        ("https://id.gs1.org/8003/19521234543213", "0 and 13 digits"),
        ("https://id.gs1.org/8003/09521234543214", "check digit"),
        ("https://id.gs1.org/8003/09521234543213" + "A" * 17, "17 characters"),
        ("https://id.gs1.org/01/09521234543213", "0 characters"),
        ("https://id.gs1.org/01/0952123454321/21/1", "check digit"),
        ("https://id.gs1.org/01/1234/21/1", "8, 12, 13 or 14"),
        ("https://id.gs1.org/00/106141412345678908", "no machine key"),
        ("urn:epc:id:giai:9521.1", "no web address"),
    ],
)
def test_bad_digital_links_say_what_is_wrong(uri, says):
    with pytest.raises(BadInput, match=says):
        digital_link(uri)


def test_aliases_are_plain_data_and_a_bad_one_keeps_its_place():
    machine = Machine(
        maker="Bohrwerk",
        model="BW 2",
        serial="4711",
        family="milling machine",
        pin="ABC",
        aliases=(
            "inventory 12",
            "https://id.gs1.org/8004/95211",
            "https://id.gs1.org/8004/X",
            "https://shop.example/4711",
        ),
    )
    found = aliases(machine)
    assert [item["scheme"] for item in found] == ["plate", "pin", "other", "gs1", "gs1", "other"]
    assert found[0]["value"] == "Bohrwerk BW 2 4711"
    assert found[1]["check_letter"] == "rule_unavailable" and found[1]["notes"]
    assert found[3]["key"] == "(8004)95211" and not found[3]["notes"]
    assert found[4]["key"] == "" and "company prefix" in found[4]["notes"][0]
    assert aliases(machine.model_copy(update={"pin": None, "aliases": ()})) == found[:1]
