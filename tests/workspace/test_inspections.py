"""Inspections filled in by several devices: merged, never lost, never silently overwritten."""

from __future__ import annotations

import itertools
import random
import threading
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.workspace import NotFound, Workspace
from recore.workspace.inspections import Change, changes_of, conflicts, identity, merged, values

ID = "6f1c2a4e-0000-4000-8000-0000000000aa"
KEY = "answer.rops_label"


def change(value: Any, minute: int, device: str = "a", **seen: int) -> Change:
    return Change(value=value, at=at(minute), device=device, seen={d: at(m) for d, m in seen.items()})


def at(minute: int) -> str:
    return f"2026-11-22T{minute // 60:02d}:{minute % 60:02d}:00.000Z"


def put(workspace: Workspace, **changes: Change) -> Any:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return workspace.inspections.merge(ID, "excavator", "p", named)


def test_an_inspection_is_made_changed_and_listed(workspace: Workspace, clock: Any) -> None:
    first = put(workspace, machine__maker=change("Komatsu", 1))
    assert (first.revision, first.state, first.machine, first.finding) == (
        1,
        "draft",
        {"maker": "Komatsu"},
        None,
    )
    clock.forward(minutes=5)
    second = put(workspace, answer__horn=change({"a": "yes"}, 2))
    assert second.revision == 2
    assert second.changed_at == clock.now > second.created_at
    assert values(workspace.inspections.get(ID).document["fields"]) == {
        "machine.maker": "Komatsu",
        "answer.horn": {"a": "yes"},
    }
    other = workspace.inspections.merge(str(uuid.uuid4()), "dozer", "p", {})
    assert other.revision == 1
    assert {row.id for row in workspace.inspections.list()} == {ID, other.id}
    assert workspace.inspections.count() == 2
    workspace.inspections.remove(other.id)
    assert workspace.inspections.count() == 1


def test_the_same_change_twice_changes_nothing(workspace: Workspace, clock: Any) -> None:
    row = put(workspace, answer__horn=change("yes", 1))
    clock.forward(minutes=1)
    again = put(workspace, answer__horn=change("yes", 1))
    assert (again.revision, again.changed_at) == (row.revision, row.changed_at)


def test_a_change_that_knew_the_earlier_value_replaces_it(workspace: Workspace) -> None:
    put(workspace, answer__horn=change("yes", 1, "a"))
    row = put(workspace, answer__horn=change("no", 2, "b", a=1))
    assert conflicts(row.document["fields"]) == {}
    assert values(row.document["fields"]) == {"answer.horn": "no"}
    # the device that was not told that its first change had arrived repeats it
    row = put(workspace, answer__horn=change("yes", 1, "a"))
    assert values(row.document["fields"]) == {"answer.horn": "no"}
    assert conflicts(row.document["fields"]) == {}


def test_two_devices_that_did_not_know_of_each_other_conflict_until_somebody_decides(
    workspace: Workspace,
) -> None:
    put(workspace, answer__horn=change("yes", 5, "a"))
    row = put(workspace, answer__horn=change("no", 3, "b"))
    (heads,) = conflicts(row.document["fields"]).values()
    assert [(head["value"], head["device"]) for head in heads] == [("yes", "a"), ("no", "b")]
    assert values(row.document["fields"]) == {"answer.horn": "yes"}
    # a change by one of them that has not seen the other leaves the conflict
    row = put(workspace, answer__horn=change("maybe", 6, "b", b=3))
    assert len(conflicts(row.document["fields"])) == 1
    row = put(workspace, answer__horn=change("yes", 7, "b", a=5, b=6))
    assert conflicts(row.document["fields"]) == {}
    assert values(row.document["fields"]) == {"answer.horn": "yes"}


def test_two_devices_that_agree_do_not_conflict(workspace: Workspace) -> None:
    put(workspace, answer__horn=change("yes", 5, "a"))
    row = put(workspace, answer__horn=change("yes", 3, "b"))
    assert conflicts(row.document["fields"]) == {}
    # one of them thinks again: the other one's word still stands against it
    row = put(workspace, answer__horn=change("no", 6, "b", b=3))
    assert [head["value"] for head in conflicts(row.document["fields"])["answer.horn"]] == ["no", "yes"]


def test_an_emptied_entry_is_not_shown(workspace: Workspace) -> None:
    put(workspace, answer__horn=change("yes", 1))
    assert values(put(workspace, answer__horn=change(None, 2)).document["fields"]) == {}


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "z"])), max_size=8), st.randoms()
)
def test_the_order_of_arrival_does_not_matter(written: list[tuple[str, str]], chance: random.Random) -> None:
    """Each device has seen its own changes only: any order, with repeats, ends with the same values."""
    sent, own = [], {}
    for minute, (device, value) in enumerate(written, 1):
        sent.append(change(value, minute, device, **own.get(device, {})))
        own[device] = {device: minute}
    shuffled = [*sent, *sent]
    chance.shuffle(shuffled)
    ends = []
    for order in (sent, shuffled):
        fields: dict[str, Any] = {}
        for one in order:
            fields = merged(fields, {KEY: one}, 1)
        ends.append(values(fields))
    assert ends[0] == ends[1]


def test_nothing_is_overwritten_unseen() -> None:
    """Whatever three devices write unseen, every last value of a device still stands or is the winner's own."""
    for order in itertools.permutations("abc"):
        fields: dict[str, Any] = {}
        for device in order:
            fields = merged(fields, {KEY: change(device, ord(device) - 90, device)}, 1)
        assert [head["value"] for head in fields[KEY]["heads"]] == ["c", "b", "a"]


def test_submission_and_what_comes_after(workspace: Workspace) -> None:
    from recore.finding import Finding

    found = Finding(method="m", version=1, evidence=(), parameters={}, results={}, artifacts=(), flags=(),
                    refusals=(), standard="", environment={})  # fmt: skip
    workspace.findings.save("f" * 64, found, {})
    row = put(workspace, answer__horn=change("yes", 1))
    row = workspace.inspections.submitted(ID, row.revision, "f" * 64)
    assert (row.state, row.finding) == ("submitted", "f" * 64)
    row = put(workspace, answer__horn=change("yes", 1))
    assert row.state == "submitted"
    row = put(workspace, answer__horn=change("no", 2))
    assert (row.state, row.finding) == ("draft", "f" * 64)
    # a change that came in while the method was running
    row = workspace.inspections.submitted(ID, row.revision - 1, "f" * 64)
    assert row.state == "draft"


def test_devices_at_the_same_moment(workspace: Workspace) -> None:
    """Eight devices send at once, each its own answer: every one is there, and each got a revision of its own."""

    def send(number: int) -> None:
        key = f"answer.item_{number}"
        workspace.inspections.merge(ID, "excavator", "p", {key: change("yes", number + 1, f"d{number}")})

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = workspace.inspections.get(ID)
    assert len(values(row.document["fields"])) == 8
    assert row.revision == 8


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "dictionary"),
        ({"answer.horn": 1}, "answer.horn"),
        ({"answer.Horn": {}}, "Field required"),
        ({"password": {"value": 1, "at": at(1), "device": "a"}}, "no entry of an inspection"),
        ({"photo.horn.12": {"value": 1, "at": at(1), "device": "a"}}, "no entry of an inspection"),
        ({"answer.horn": {"value": 1, "at": "yesterday", "device": "a"}}, "pattern"),
        ({"answer.horn": {"value": 1, "at": "2026-13-22T00:00:00.000Z", "device": "a"}}, "no moment"),
        ({"answer.horn": {"value": 1, "at": at(1), "device": "../x"}}, "pattern"),
        ({"answer.horn": {"value": "\0", "at": at(1), "device": "a"}}, "no text"),
        ({"answer.horn": {"value": "x" * 30_000, "at": at(1), "device": "a"}}, "too long"),
        ({"answer.horn": {"value": 1, "at": at(1), "device": "a", "more": 1}}, "not permitted"),
    ],
)
def test_changes_of_another_shape_are_refused(document: Any, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        changes_of(document)


def test_what_cannot_be(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    put(workspace)
    with pytest.raises(BadInput, match="family 'excavator'"):
        workspace.inspections.merge(ID, "dozer", "p", {})
    with pytest.raises(NotFound):
        workspace.inspections.get(str(uuid.uuid4()))
    monkeypatch.setattr("recore.workspace.inspections.MOST_ENTRIES", 1)
    with pytest.raises(BadInput, match="more than 1 entries"):
        put(workspace, answer__a=change(1, 1), answer__b=change(1, 1))
    assert workspace.inspections.get(ID).document["fields"] == {}
    for text in ("1", "../" * 12, ID.replace("-", ""), "{" + ID + "}"):
        with pytest.raises(NotFound):
            identity(text)
