"""What libhdf5 is asked of a file: its datasets of numbers as channels, and their values block by block.

It runs in the process of `hdf5_child` alone, for the library may hang or crash on a damaged file.
Links to other files, virtual datasets, values kept outside the file, and filters of others are not followed:
each could make the reader open a file, or load a library, that the sender of the file chose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from recore.errors import BadInput
from recore.evidence.channels import (
    MAX_INFLATED,
    Channel,
    Contents,
    clean,
    is_rate,
    layout,
    short_names,
    with_unit,
)
from recore.evidence.memory_table import MAX_COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEEPEST = 16
_MAX_OBJECTS = 10_000
_MAX_ATTRIBUTES = 256
_MAX_CHUNK = 2**28
BLOCK = 2**22
# what is set aside for chunks that are unpacked, all datasets together; the library's own is 1 MiB each
_CACHE, _LIBRARY_CACHE, _SLOTS = 2**29, 2**20, 10_007
# gzip, shuffle, checksum, szip, n-bit, scale-offset, and LZF, which come with the library
_FILTERS = frozenset([1, 2, 3, 4, 5, 6, 32000])
_UNIT_NAMES = ("unit", "units", "unit_string")
_OTHERS_FILE = "copy the values into the file itself"


class Place(NamedTuple):
    """Where the values of a channel lie: dataset, its shape, the axis of time, and which channel it is."""

    path: str
    axes: tuple[int, ...]
    time_axis: int
    nth: int


class _Found(NamedTuple):
    path: tuple[str, ...]
    dataset: Any
    rate: float | None
    unit: str


def contents(file: Any, name: str) -> Contents:
    """The channels of an open file, its facts, and what it says of sampling rates."""
    return _Walk(file, name).contents()


def blocks(file: Any, places: Sequence[Place], count: int, rows: int) -> Iterator[list[NDArray[Any]]]:
    """Equally long blocks of at most `rows` of the `count` values of each channel, as they are stored."""
    paths = dict.fromkeys((place.path, place.time_axis) for place in places)
    datasets = {path: _opened(file, path, axis, _CACHE // len(paths)) for path, axis in paths}
    widest = max(math.prod(d.shape) // max(count, 1) * d.dtype.itemsize for d in datasets.values())
    rows = max(1, min(rows, BLOCK // max(widest, 1)))
    for first in range(0, count, rows):
        read: dict[str, Any] = {}
        block = []
        for place in places:
            dataset = datasets[place.path]
            if place.path not in read:
                part = [slice(None)] * len(dataset.shape)
                if part:
                    part[place.time_axis] = slice(first, min(first + rows, count))
                read[place.path] = _channels_of(dataset[tuple(part)], place)
            block.append(read[place.path][place.nth])
        yield block


def _opened(file: Any, path: str, time_axis: int, most: int) -> Any:
    """A dataset with room for one row of its chunks: a block is often less than a chunk, which would
    otherwise be unpacked again for each of them."""
    import h5py

    dataset = file[path]
    if dataset.chunks is None:
        return dataset
    sizes = enumerate(zip(dataset.shape, dataset.chunks, strict=True))
    row = math.prod(
        chunk if axis == time_axis else -(-size // chunk) * chunk for axis, (size, chunk) in sizes
    )
    row *= dataset.dtype.itemsize
    if not _LIBRARY_CACHE < row <= most:
        return dataset
    dataset.id.close()  # a dataset that is open keeps the room it was opened with
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(_SLOTS, row, 1.0)
    return h5py.Dataset(h5py.h5d.open(file.id, path.encode("utf-8", "surrogateescape"), access))


def _channels_of(values: Any, place: Place) -> Any:
    """The values as [channel, sample]."""
    import numpy as np

    array = np.asarray(values)
    if len(place.axes) < 2:
        return array.reshape(1, -1)
    count = array.shape[place.time_axis]
    return np.ascontiguousarray(np.moveaxis(array, place.time_axis, -1).reshape(-1, count))


class _Walk:
    """One pass over the groups of a file; no values but those of single numbers are read."""

    def __init__(self, file: Any, name: str) -> None:
        self.file, self.name = file, name
        self.found: list[_Found] = []
        self.facts: dict[str, float] = {}
        self.rates: list[float] = []
        self.seen: set[int] = set()
        self.visited = 0

    def contents(self) -> Contents:
        self._group(self.file, (), None)
        channels: list[Channel] = []
        places: list[Place] = []
        for word, found in zip(short_names([f.path for f in self.found]), self.found, strict=True):
            dataset = found.dataset
            shape = tuple(int(size) for size in dataset.shape)
            refused = _why_not(dataset)
            laid = layout(word, shape)
            if refused is None and len(laid) == 2:
                refused = laid
            if refused is not None or len(laid) == 2:
                channels.append(Channel(word, math.prod(shape), found.rate, refused))
                places.append(Place(dataset.name, shape, 0, 0))
                continue
            names, count, _ = laid
            axis = shape.index(count) if shape else 0
            if len(channels) + len(names) > MAX_COLUMNS:
                raise BadInput(
                    "has too many channels", where=self.name, right=f"at most {MAX_COLUMNS} are read"
                )
            for i, each in enumerate(names):
                channels.append(Channel(with_unit(each, found.unit), count, found.rate))
                places.append(Place(dataset.name, shape, axis, i))
        return Contents(tuple(channels), self.facts, tuple(self.rates), places)

    def _group(self, group: Any, path: tuple[str, ...], rate: float | None) -> None:
        import h5py

        if len(path) > _DEEPEST:
            raise BadInput(
                f"has groups more than {_DEEPEST} deep", where=self.name, right="store the signals alone"
            )
        # two names of one group are one group, and a circle of groups ends
        address = h5py.h5o.get_info(group.id).addr
        if address in self.seen:
            return
        self.seen.add(address)
        own = _rate_in(group.attrs)
        rate = own if own is not None else rate
        numbers: list[tuple[tuple[str, ...], Any]] = []
        for key in group:
            self.visited += 1
            if self.visited > _MAX_OBJECTS:
                raise BadInput(
                    f"holds more than {_MAX_OBJECTS} objects",
                    where=self.name,
                    right="store the signals alone",
                )
            word = clean(str(key))
            if not isinstance(group.get(key, getlink=True), h5py.HardLink) or word.startswith("#"):
                continue  # links lead elsewhere; MATLAB keeps what it refers to under '#refs#'
            child = group.get(key)
            if isinstance(child, h5py.Group):
                self._group(child, (*path, word), rate)
            elif isinstance(child, h5py.Dataset) and _is_numeric(child):
                numbers.append(((*path, word), child))
        for where, dataset in numbers:
            if math.prod(dataset.shape) == 1 and _why_not(dataset) is None:
                self._fact(where, dataset)
                continue
            own = _rate_in(dataset.attrs)
            unit = next((_text(dataset.attrs[n]) for n in _UNIT_NAMES if n in dataset.attrs), "")
            self.found.append(_Found(where, dataset, own if own is not None else rate, unit))

    def _fact(self, where: tuple[str, ...], dataset: Any) -> None:
        import numpy as np

        value = float(np.asarray(dataset[()]).reshape(-1)[0])
        self.facts["/".join(where)] = value
        if (rate := is_rate(where[-1], value)) is not None:
            self.rates.append(rate)


def _is_numeric(dataset: Any) -> bool:
    """Numbers, but no text that MATLAB stores as numbers, and no table of records."""
    kind = _text(dataset.attrs["MATLAB_class"]) if "MATLAB_class" in dataset.attrs else ""
    if kind in ("char", "cell", "struct", "function_handle", "logical"):
        return False
    if "MATLAB_empty" in dataset.attrs or dataset.shape is None:
        return False
    return dataset.dtype.kind in "iufc" or dataset.dtype.names in (("real", "imag"), ("r", "i"))


def _why_not(dataset: Any) -> tuple[str, str] | None:
    """Why the values of a dataset are not read, and what would be right."""
    plist = dataset.id.get_create_plist()
    if dataset.dtype.kind not in "iuf" or dataset.dtype.itemsize > 8:
        return f"holds numbers of type {dataset.dtype}", "real numbers of at most 64 bits are read"
    if dataset.is_virtual:
        return "is a virtual dataset, whose values lie elsewhere", _OTHERS_FILE
    if plist.get_external_count():
        return "keeps its values in another file", _OTHERS_FILE
    for i in range(plist.get_nfilters()):
        code = plist.get_filter(i)[0]
        if code not in _FILTERS:
            return f"is packed by filter {code}, which is not part of HDF5", "store it with gzip or plainly"
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    if size > MAX_INFLATED and dataset.id.get_storage_size() < size:
        return (
            f"would unpack to {size} bytes",
            f"at most {MAX_INFLATED} are unpacked; store it without compression, or as Parquet",
        )
    if dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > _MAX_CHUNK:
        return f"is stored in chunks of more than {_MAX_CHUNK} bytes", "store it in smaller chunks"
    return None


def _rate_in(attributes: Mapping[str, Any]) -> float | None:
    """The one sampling rate that attributes state; two that differ state none."""
    import numpy as np

    rates = set()
    for count, name in enumerate(attributes):
        if count >= _MAX_ATTRIBUTES:
            break
        if is_rate(str(name), 1.0) is None:
            continue
        value = np.asarray(attributes[name])
        if value.size == 1 and value.dtype.kind in "iuf":
            rate = is_rate(str(name), float(value.reshape(-1)[0]))
            if rate is not None:
                rates.add(rate)
    return rates.pop() if len(rates) == 1 else None


def _text(value: Any) -> str:
    import numpy as np

    word = np.asarray(value).reshape(-1)[0] if np.size(value) == 1 else ""
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
