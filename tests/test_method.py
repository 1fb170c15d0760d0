"""What a method is: declaration, parameters, run, finding, comparison."""

from __future__ import annotations

import io
import pickle
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import Field

from recore.errors import BadInput
from recore.finding import Finding
from recore.method import Artifact, MethodFault, Note, Progress, Refusal, Tolerance, Unit, compare, method
from recore.quantity import Quantity


@dataclass(frozen=True)
class Memory:
    """Evidence that is already read."""

    content: Any
    name: str = "memory"
    sha256: str = "00" * 32
    size: int = 8
    media_type: str = "text/plain"

    def read(self, kind: Any) -> Any:
        return self.content


@dataclass(frozen=True)
class Answer:
    mean: Annotated[Quantity, Unit("µm")]
    word: str
    several: tuple[float, ...]
    table: Annotated[pa.Table, Artifact("rows.parquet")]
    listing: Annotated[pa.Table, Artifact("rows.csv")]
    array: Annotated[np.ndarray, Artifact("values.npy")]
    only_for_the_plot: np.ndarray
    absent: Quantity | None = None
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()


@method(
    "test.mean",
    version=3,
    standard="none",
    reproducible={"mean": Tolerance(1e-9), "*": Tolerance(relative=1e-6)},
)
def mean(
    values: Any,
    *,
    limit_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 40.0,
    kind: Literal["a", "b"] = "a",
    angles_deg: list[float] = [],  # noqa: B006 - a pydantic default, copied
    executor: Executor,
    progress: Progress,
) -> Answer:
    """Mean of the values.

    More text.
    """
    progress(0.5, "half way")
    data = np.asarray(values, dtype=float)
    if len(data) == 0:
        raise Refusal("empty", "there is nothing to take the mean of")
    total = executor.submit(sum, data).result()
    table = pa.table({"value": data})
    return Answer(
        Quantity(total / len(data) / 1000, "mm", 0.002), kind, tuple(data), table, table, data, data,
        flags=(Note("looked", "it was looked at"),),
    )  # fmt: skip


def test_a_method_is_still_the_function() -> None:
    with ThreadPoolExecutor() as pool:
        answer = mean([1.0, 3.0], executor=pool, progress=lambda share, doing: None)
    assert answer.mean == Quantity(0.002, "mm", 0.002)


def test_run_makes_a_finding() -> None:
    told = []
    outcome = mean.run(
        [Memory([1.0, 3.0])], {"kind": "b"}, progress=lambda share, doing: told.append((share, doing))
    )
    finding = outcome.finding
    assert told == [(0.5, "half way")]
    assert finding.results["mean"] == Quantity(2.0, "µm", 2.0)  # in the declared unit
    assert finding.results["word"] == Quantity("b")
    assert finding.results["several"] == Quantity((1.0, 3.0))
    assert set(finding.results) == {"mean", "word", "several"}
    assert finding.flags == (Note("looked", "it was looked at"),)
    assert finding.parameters == {"limit_mpa": 40.0, "kind": "b", "angles_deg": []}
    assert [entry["file"] for entry in finding.artifacts] == ["rows.parquet", "rows.csv", "values.npy"]
    assert finding.artifacts[0]["name"] == "rows"
    assert pq.read_table(io.BytesIO(outcome.artifacts["rows.parquet"])).column("value").to_pylist() == [
        1.0,
        3.0,
    ]
    assert (
        outcome.artifacts["rows.csv"] == b'"value"\n1\n3\n'
        or outcome.artifacts["rows.csv"] == b"value\n1\n3\n"
    )
    assert finding.evidence == (
        {"name": "memory", "sha256": "00" * 32, "bytes": 8, "media_type": "text/plain"},
    )


def test_the_same_run_gives_the_same_bytes() -> None:
    first, second = (mean.run([Memory([1.0, 3.0])]) for _ in range(2))
    assert first.finding.digest == second.finding.digest
    assert first.artifacts == second.artifacts


def test_json_round_trip() -> None:
    finding = mean.run([Memory([1.0, 3.0])]).finding
    again = Finding.from_json(finding.json())
    assert again == finding
    assert again.digest == finding.digest


def test_a_refusal_is_a_finding_without_results() -> None:
    outcome = mean.run([Memory([])])
    assert outcome.finding.results == {}
    assert outcome.finding.refusals == (Note("empty", "there is nothing to take the mean of"),)
    assert outcome.plot() is None


def test_parameters_in_any_unit_of_their_kind() -> None:
    assert mean.validated({"limit_mpa": "400 bar"})["limit_mpa"] == 40.0
    assert mean.validated({"limit_mpa": "40"})["limit_mpa"] == 40.0
    assert mean.validated({"angles_deg": ["0", "90.5"]})["angles_deg"] == [0.0, 90.5]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"limit_mpa": "40 mm"}, "40 mm is a length; a pressure in MPa is wanted"),
        ({"limit_mpa": 0}, "greater than 0"),
        ({"limit_mpa": "1001 bar"}, "less than or equal to 100"),
        ({"limit_mpa": float("nan")}, "finite"),
        ({"limit_mpa": "inf"}, "'inf'"),
        ({"kind": "c"}, "'a' or 'b'"),
        ({"lmit": 1}, "'lmit' is not a parameter; known: limit_mpa, kind, angles_deg"),
        ({"executor": 1}, "not a parameter"),
    ],
)
def test_bad_parameters_are_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        mean.run([Memory([1.0])], given)
    assert says in str(caught.value)
    assert "parameters of test.mean" in str(caught.value)


def test_a_missing_parameter_is_named() -> None:
    @method("test.needs", version=1)
    def needs(table: Any, *, speed_rpm: float) -> dict[str, Quantity]:
        return {"speed": Quantity(speed_rpm, "rpm")}

    with pytest.raises(BadInput, match="'speed_rpm' is missing"):
        needs.run([Memory(1)])
    assert needs.run([Memory(1)], {"speed_rpm": 5}).finding.results["speed"] == Quantity(5.0, "rpm")


def test_too_few_and_too_many_files() -> None:
    with pytest.raises(BadInput, match="no file for 'values'"):
        mean.run([])
    with pytest.raises(BadInput, match=r"1 file\(s\) too many"):
        mean.run([Memory([1.0]), Memory([2.0])])


def test_all_files_that_are_left() -> None:
    @method("test.star", version=1)
    def star(first: Any, *rest: Any) -> dict[str, Any]:
        return {"count": len(rest)}

    @method("test.tuple", version=1)
    def packed(rest: tuple[Any, ...], *, scale: int = 1) -> dict[str, Any]:
        return {"count": len(rest) * scale}

    @method("test.optional", version=1)
    def optional(first: Any, second: Any = None) -> dict[str, Any]:
        return {"both": second is not None}

    assert star.run([Memory(1), Memory(2), Memory(3)]).finding.results["count"].value == 2
    assert packed.run([Memory(1), Memory(2)]).finding.results["count"].value == 2
    assert optional.run([Memory(1)]).finding.results["both"].value is False
    assert optional.run([Memory(1), Memory(2)]).finding.results["both"].value is True
    with pytest.raises(BadInput, match="at least one"):
        packed.run([])


def test_cache_key_changes_with_everything_a_finding_depends_on() -> None:
    base = mean.cache_key([Memory(0)], {})
    assert base == mean.cache_key([Memory(1, name="other")], {"limit_mpa": "400 bar"})
    assert base != mean.cache_key([Memory(0, sha256="11" * 32)], {})
    assert base != mean.cache_key([Memory(0)], {"kind": "b"})
    assert base != method("test.mean", version=4)(mean.function).cache_key([Memory(0)], {})


def test_describe_is_what_the_doors_show() -> None:
    document = mean.describe()
    assert document["id"] == "test.mean"
    assert document["summary"] == "Mean of the values"
    assert document["inputs"] == [{"name": "values", "kind": "Any", "many": False, "optional": False}]
    assert document["parameters"]["properties"]["limit_mpa"]["unit"] == "MPa"
    assert document["parameters"]["additionalProperties"] is False
    assert document["results"]["mean"] == {"unit": "µm"}
    assert document["reproducible"]["mean"] == {"absolute": 1e-9, "relative": 0.0}
    assert mean.tolerance("word") == Tolerance(relative=1e-6)


def test_the_kind_of_an_input_is_a_word_whether_or_not_it_may_be_left_out() -> None:
    def two(
        first: Annotated[bytes, "raw"], second: bytes | None = None, *more: dict[str, int] | list[str]
    ) -> dict[str, Any]:
        """Nothing."""
        return {}

    told = method("test.kinds", version=1)(two).describe()["inputs"]
    assert [item["kind"] for item in told] == ["bytes", "bytes", "dict | list"]
    assert [item["optional"] for item in told] == [False, True, False]


@pytest.mark.parametrize("id", ["plain", "Upper.case", "a b.c", ""])
def test_a_bad_id_is_refused(id: str) -> None:
    with pytest.raises(BadInput):
        method(id, version=1)


def test_versions_count_from_one() -> None:
    with pytest.raises(BadInput):
        method("a.b", version=0)


def test_a_result_of_another_shape_is_a_fault_of_the_method() -> None:
    @method("test.wrong", version=1)
    def wrong(values: Any) -> Any:
        return 5

    with pytest.raises(MethodFault, match=r"test\.wrong@1 broke: TypeError: a method returns a dataclass"):
        wrong.run([Memory(1)])


def test_compare_holds_a_method_to_its_tolerance() -> None:
    recorded = mean.run([Memory([1.0, 3.0])]).finding
    document = recorded.json()

    def changed(**results: Any) -> list[str]:
        other = {**document, "results": {**document["results"], **results}}
        return compare(mean, recorded, Finding.from_json(other))

    assert compare(mean, recorded, recorded) == []
    assert changed(mean={"value": 2.0 + 5e-10, "unit": "µm", "uncertainty": 2.0}) == []
    assert changed(mean={"value": 2.0 + 5e-9, "unit": "µm", "uncertainty": 2.0}) != []
    assert changed(mean={"value": 2.0, "unit": "µm", "uncertainty": 2.1}) != []
    assert changed(mean={"value": 2.0, "unit": "µm"}) != []
    assert changed(mean={"value": 2.0, "unit": "mm", "uncertainty": 2.0}) != []
    assert changed(word={"value": "c", "unit": ""}) != []
    assert changed(several={"value": [1.0, 3.0000001], "unit": "1"}) == []
    assert changed(several={"value": [1.0], "unit": "1"}) != []
    assert changed(extra={"value": 1.0, "unit": "1"}) == ["extra: not recorded"]
    less = {**document, "results": {}, "flags": [], "standard": "other"}
    text = " ".join(compare(mean, recorded, Finding.from_json(less)))
    assert "mean: not found again" in text
    assert "flags" in text
    assert "standard" in text


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("method"),
        lambda d: d["method"].update(version="1"),
        lambda d: d["method"].update(version=True),
        lambda d: d.update(results=[]),
        lambda d: d["results"].update(mean=3),
        lambda d: d["evidence"][0].pop("sha256"),
        lambda d: d.update(flags=[{"code": 1, "text": ""}]),
        lambda d: d.update(artifacts=[{"name": "x"}]),
    ],
)
def test_a_damaged_finding_is_bad_input(damage: Any) -> None:
    document = mean.run([Memory([1.0, 3.0])]).finding.json()
    damage(document)
    with pytest.raises(BadInput):
        Finding.from_json(document)


def test_methods_and_refusals_travel_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(mean)) is mean
    refusal = pickle.loads(pickle.dumps(Refusal("code", "text")))
    assert (refusal.code, refusal.text) == ("code", "text")
    error = pickle.loads(pickle.dumps(BadInput("what", where="where", right="right")))
    assert str(error) == "where: what; right"
    assert error.json() == {"what": "what", "where": "where", "right": "right"}


def test_a_plot_is_made_from_the_result() -> None:
    @method("test.plot", version=1)
    def plotted(values: Any) -> dict[str, Any]:
        return {"count": len(values)}

    @plotted.plot
    def draw(result: dict[str, Any]) -> dict[str, Any]:
        return {"mark": "bar", "title": str(result["count"])}

    assert plotted.run([Memory([1, 2])]).plot() == {"mark": "bar", "title": "2"}


class Rude(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even a text")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (lambda: None, "returned nothing"),
        (lambda: {"many": tuple(range(1000))}, "1000 values, at most 64"),
        (lambda: sys.exit(0), "SystemExit"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: (_ for _ in ()).throw(Rude()), "broke: Rude"),
    ],
)
def test_a_method_that_breaks_is_named_and_never_looks_like_success(what: Any, says: str) -> None:
    @method("test.breaks", version=2)
    def breaks(values: Any) -> Any:
        return what()

    with pytest.raises(MethodFault, match=r"test\.breaks@2 broke") as caught:
        breaks.run([Memory(1)])
    assert says in str(caught.value)


def test_parameters_may_be_called_like_the_things_of_a_model() -> None:
    @method("test.names", version=1)
    def names(
        values: Any, *, json: int = 1, model_config: int = 2, schema: str = "x", copy: float = 0.5
    ) -> Any:
        return {"sum": json + model_config + copy, "word": schema}

    found = names.run([Memory(1)], {"json": "5", "model_config": 6}).finding
    assert found.results["sum"].value == 11.5
    assert found.parameters == {"json": 5, "model_config": 6, "schema": "x", "copy": 0.5}
    assert set(names.parameters_schema["properties"]) == {"json", "model_config", "schema", "copy"}
    with pytest.raises(BadInput, match="'jsn' is not a parameter; known: json"):
        names.run([Memory(1)], {"jsn": 1})


def test_a_default_that_is_none_of_its_kind_is_told() -> None:
    @method("test.default", version=1)
    def default(values: Any, *, speed: float = "fast") -> Any:  # type: ignore[assignment]
        return {"speed": speed}

    with pytest.raises(BadInput, match="speed = 'fast'"):
        default.run([Memory(1)])
