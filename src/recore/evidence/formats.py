"""Which reader a file needs, by the ending of its name, held against its first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recore import jsonio, tomlio
from recore.errors import BadInput
from recore.evidence.table import Source, Table

if TYPE_CHECKING:
    from recore.evidence.file import EvidenceFile

CSV = "text/csv"
TSV = "text/tab-separated-values"
PARQUET = "application/vnd.apache.parquet"
JSON = "application/json"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TOML = "application/toml"
NPY = "application/x-npy"
NPZ = "application/x-npz"
WAV = "audio/wav"
TDMS = "application/x-tdms"
UFF = "application/x-uff"
HDF5 = "application/x-hdf5"
MAT = "application/x-matlab-data"
# files of sampled channels; their reader is chosen by the media type
SIGNALS = frozenset([NPZ, WAV, TDMS, UFF, HDF5, MAT])
TABLES = ".csv, .tsv, .parquet, .json, .xlsx, .wav, .tdms, .uff, .unv, .h5, .hdf5, .mat, .npy or .npz"

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DELIMITER = {CSV: ",", TSV: "\t"}
_MAGIC = (
    (b"PAR1", "Parquet"),
    (b"PARE", "encrypted Parquet"),
    (b"PK\x03\x04", "a zip or XLSX file"),
    (b"\xd0\xcf\x11\xe0", "an old or password-protected Office file"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"RIFF", "a WAV or other RIFF file"),
    (b"RIFX", "a WAV or other RIFF file"),
    (b"RF64", "a WAV or other RIFF file"),
    (b"BW64", "a WAV or other RIFF file"),
    (b"TDSm", "TDMS"),
    (b"TDSh", "an index beside a TDMS file"),
    (_HDF5_SIGNATURE, "HDF5"),
    (b"MATLAB ", "a MATLAB file"),
)
_OWN = {
    PARQUET: ("Parquet",),
    XLSX: ("a zip or XLSX file", "an old or password-protected Office file"),
    NPY: ("a NumPy array",),
    NPZ: ("a zip or XLSX file",),
    WAV: ("a WAV or other RIFF file",),
    TDMS: ("TDMS",),
    # either may begin with a block of the user's own
    HDF5: ("HDF5", "a MATLAB file", ""),
    MAT: ("a MATLAB file", "HDF5", ""),
}


def table(file: EvidenceFile) -> Table:
    """A lazily read table.

    Raises
    ------
    BadInput : the file is none of the table formats, or not what its ending says
    """
    return Table(_source(file))


def _source(file: EvidenceFile) -> Source:
    if file.media_type in _DELIMITER:
        from recore.evidence.delimited import DelimitedSource

        _check_magic(file)
        return DelimitedSource(file.path, file.name, _DELIMITER[file.media_type])
    if file.media_type == PARQUET:
        from recore.evidence.parquet_table import ParquetSource
        from recore.evidence.remote import RemoteFile

        if isinstance(file, RemoteFile):
            return ParquetSource(file.remote, file.name)
        _check_magic(file)
        return ParquetSource(file.path, file.name)
    if file.media_type == JSON:
        from recore.evidence.json_table import json_source

        return json_source(document(file), file.name)
    if file.media_type == XLSX:
        from recore.evidence.xlsx import xlsx_source

        _check_magic(file)
        return xlsx_source(file.path, file.name)
    if file.media_type in SIGNALS or file.media_type == NPY:
        _check_magic(file)
        return _signal_source(file)
    raise BadInput(
        f"is no table ({file.media_type})", where=file.name, right=f"a file ending in {TABLES} is wanted"
    )


def _signal_source(file: EvidenceFile) -> Source:
    if file.media_type == WAV:
        from recore.evidence.wav import WavSource

        return WavSource(file.path, file.name)
    if file.media_type == TDMS:
        from recore.evidence.tdms import TdmsSource

        return TdmsSource(file.path, file.name)
    if file.media_type == UFF:
        from recore.evidence.uff import UffSource

        return UffSource(file.path, file.name)
    if file.media_type in (NPY, NPZ):
        from recore.evidence.packed_array import NpySource, NpzSource

        return (NpySource if file.media_type == NPY else NpzSource)(file.path, file.name)
    with file.path.open("rb") as stream:
        head = stream.read(512 + len(_HDF5_SIGNATURE))
    # MATLAB writes HDF5 since version 7.3, behind a block of 512 bytes of its own
    if file.media_type == HDF5 or _HDF5_SIGNATURE in (head[: len(_HDF5_SIGNATURE)], head[512:]):
        from recore.evidence.hdf5 import Hdf5Source

        return Hdf5Source(file.path, file.name)
    from recore.evidence.mat5 import Mat5Source

    return Mat5Source(file.path, file.name)


def document(file: EvidenceFile) -> Any:
    """Plain data from a JSON or TOML document or an XLSX check sheet.

    Raises
    ------
    BadInput : another format, or a document that is not well formed
    """
    _check_magic(file)
    if file.media_type == XLSX:
        from recore.evidence.check_sheet import check_sheet

        return check_sheet(file.path, file.name)
    if file.media_type not in (JSON, TOML):
        raise BadInput(
            f"is no document ({file.media_type})",
            where=file.name,
            right="a file ending in .json, .toml or .xlsx is wanted",
        )
    if file.size > jsonio.MAX_BYTES:
        raise BadInput(
            f"the {'JSON' if file.media_type == JSON else 'TOML'} document has {file.size} bytes",
            where=file.name,
            right=f"at most {jsonio.MAX_BYTES} are read; give a long table as CSV or Parquet",
        )
    if file.media_type == TOML:
        try:
            text = file.path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(
                f"byte {error.start} is not UTF-8", where=file.name, right="save it as UTF-8"
            ) from None
        return tomlio.loads(text, where=file.name)
    return jsonio.loads(file.path.read_bytes(), where=file.name)


def stored_array(file: EvidenceFile) -> Any:
    """The finite numbers of an .npy file.

    Raises
    ------
    BadInput : cut short, of Python objects, or with NaN or infinity in it
    """
    import numpy as np

    _check_magic(file)
    try:
        # mapped first: a header may declare more than the file holds
        array = np.array(np.load(file.path, mmap_mode="r", allow_pickle=False))
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise BadInput(
            f"is not a whole .npy array of numbers ({error})",
            where=file.name,
            right="write it with numpy.save",
        ) from None
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        index = np.argwhere(~np.isfinite(array))[0].tolist()
        raise BadInput(
            f"the value at {index} is not finite", where=file.name, right="finite numbers are wanted"
        )
    return array


def _check_magic(file: EvidenceFile) -> None:
    with file.path.open("rb") as stream:
        head = stream.read(16)
    if not head:
        raise BadInput("the file is empty", where=file.name, right="export it again")
    what = next((what for magic, what in _MAGIC if head.startswith(magic)), "")
    own = _OWN.get(file.media_type, ("",))
    if what not in own:
        ending = file.name.rpartition(".")[2]
        raise BadInput(
            f"is {what or 'something else'}, though its name ends in .{ending}",
            where=file.name,
            right="give the file the ending of its format" if what else f"export it again as .{ending}",
        )
