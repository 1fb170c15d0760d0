"""Small writers of the signal formats, from their published descriptions and apart from the readers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

MEDIA_GUID = bytes.fromhex("000000001000800000aa00389b71")


def wav(
    samples: np.ndarray,
    rate: int,
    code: str = "i2",
    *,
    extensible: bool = False,
    long: bool = False,
    junk: bytes = b"",
) -> bytes:
    """samples [sample, channel], as they are stored; `code` is u1, i2, i3, i4, f4 or f8."""
    frames = np.atleast_2d(np.asarray(samples).T).T
    if code == "i3":
        data = frames.astype("<i4").view(np.uint8).reshape(*frames.shape, 4)[..., :3].tobytes()
    else:
        data = frames.astype("<" + code).tobytes()
    size, channels = int(code[1]), frames.shape[1]
    tag = 3 if code[0] == "f" else 1
    fmt = struct.pack(
        "<HHIIHH",
        0xFFFE if extensible else tag,
        channels,
        rate,
        rate * size * channels,
        size * channels,
        size * 8,
    )
    if extensible:
        fmt += struct.pack("<HHIH", 22, size * 8, 0, tag) + MEDIA_GUID
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    if junk:
        chunks += b"LIST" + struct.pack("<I", len(junk)) + junk + b"\0" * (len(junk) % 2)
    if long:
        ds64 = struct.pack("<QQQI", 0, len(data), len(frames), 0)
        head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(ds64)) + ds64
        return head + chunks + b"data\xff\xff\xff\xff" + data
    body = b"WAVE" + chunks + b"data" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


TDMS_TYPES = {"i1": 1, "i2": 2, "i4": 3, "i8": 4, "u1": 5, "u2": 6, "u4": 7, "u8": 8, "f4": 9, "f8": 10}


def tdms_path(*names: str) -> str:
    return "/" + "/".join("'" + name.replace("'", "''") + "'" for name in names)


def tdms_segment(
    objects: Mapping[tuple[str, ...], tuple[np.ndarray | str | None, Mapping[str, Any]]],
    *,
    order: str = "<",
    interleaved: bool = False,
    new: bool = True,
    meta: bool = True,
    chunks: int = 1,
) -> bytes:
    """One segment. An object is an array, 'as before' (with no data of its own here), or None, and properties.
    With `chunks` each array is split into that many equal pieces, which follow one another."""

    def text(word: str) -> bytes:
        return struct.pack(order + "I", len(word.encode())) + word.encode()

    told = struct.pack(order + "I", len(objects))
    arrays = []
    for path, (values, properties) in objects.items():
        told += text(tdms_path(*path))
        if values is None:
            told += struct.pack(order + "I", 0xFFFFFFFF)
        elif isinstance(values, str):
            told += struct.pack(order + "I", 0)
        else:
            code = values.dtype.str[1:]
            told += struct.pack(order + "IIIQ", 20, TDMS_TYPES[code], 1, len(values) // chunks)
            arrays.append(values.astype(order + code))
        told += struct.pack(order + "I", len(properties))
        for key, value in properties.items():
            told += text(key)
            if isinstance(value, str):
                told += struct.pack(order + "I", 0x20) + text(value)
            elif isinstance(value, float):
                told += struct.pack(order + "Id", 10, value)
            else:
                told += struct.pack(order + "II", 7, value)
    if not meta:
        told = b""
    if interleaved:
        raw = np.concatenate([a[:, None].view(np.uint8).reshape(len(a), -1) for a in arrays], 1).tobytes()
    else:
        pieces = [np.split(a, chunks) for a in arrays]
        raw = b"".join(piece.tobytes() for together in zip(*pieces, strict=True) for piece in together)
    return tdms_lead(told, raw, order, meta, new, interleaved) + told + raw


def tdms_lead(
    told: bytes, raw: bytes, order: str = "<", meta: bool = True, new: bool = True, interleaved: bool = False
) -> bytes:
    toc = (2 * meta) | (4 * new) | (8 * bool(raw)) | (0x20 * interleaved) | (0x40 * (order == ">"))
    return (
        b"TDSm" + struct.pack("<I", toc) + struct.pack(order + "IQQ", 4713, len(told) + len(raw), len(told))
    )


def uff58(
    values: np.ndarray,
    step: float = 1e-3,
    *,
    times: np.ndarray | None = None,
    name: str = "NONE",
    node: int = 1,
    direction: int = 3,
    unit: str = "NONE",
    function: int = 1,
    abscissa: int = 17,
    time_unit: str = "s",
    double: bool = True,
    binary: str = "",
    end: str = "\n",
) -> bytes:
    """One dataset 58; `binary` is '<' or '>' for 58b."""
    complex_ = np.iscomplexobj(values)
    kind = (6 if double else 5) if complex_ else (4 if double else 2)
    even = times is None
    parts = [values.real, values.imag] if complex_ else [values]
    flat = np.stack([*([] if even else [times]), *parts], 1).ravel()
    size = 8 if double else 4
    lines = [f"{-1:6d}"]
    if binary:
        lines.append(
            f"    58b{1 if binary == '<' else 2:6d}{2:6d}{11:12d}{len(flat) * size:12d}{0:6d}{0:6d}{0:12d}{0:12d}"
        )
    else:
        lines.append(f"{58:6d}")
    lines += [name, "NONE", "01-JAN-26  12:00:00", "NONE", "NONE"]
    lines.append(
        f"{function:5d}{0:10d}{0:5d}{0:10d} {'NONE':10s}{node:10d}{direction:4d} {'NONE':10s}{0:10d}{0:4d}"
    )
    lines.append(
        f"{kind:10d}{len(values):10d}{int(even):10d}{0.0:13.5e}{step if even else 0.0:13.5e}{0.0:13.5e}"
    )
    lines.append(f"{abscissa:10d}{0:5d}{0:5d}{0:5d} {'Time':20s} {time_unit:20s}")
    lines.append(f"{12:10d}{0:5d}{0:5d}{0:5d} {'NONE':20s} {unit:20s}")
    lines += [f"{0:10d}{0:5d}{0:5d}{0:5d} {'NONE':20s} {'NONE':20s}"] * 2
    head = "".join(line + end for line in lines).encode()
    mark = f"{-1:6d}{end}".encode()
    if binary:
        return head + flat.astype(f"{binary}f{size}").tobytes() + mark
    widths = [13 if not double or (not even and i % 2 == 0) else 20 for i in range(len(flat))]
    words = [f"{v:{w}.{5 if w == 13 else 11}e}" for v, w in zip(flat, widths, strict=True)]
    per_line = 4 if double else 6
    rows = ["".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return head + "".join(row + end for row in rows).encode() + mark
