"""Arrays in a file: written at once or not at all, checked when opened, mapped and never copied.

Layout: magic, length and hash of the header, the header (JSON: settings, key, size, checksum, place of each
array), the arrays, each on a multiple of 64 bytes.
"""

from __future__ import annotations

import json
import mmap
import os
import secrets
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.index.shard import Arrays

MAGIC = b"GRISTIDX"
_START = struct.Struct("<8sQ16s")
_ALIGN = 64
_BLOCK = 512


class UnusableFileError(Exception):
    """The file cannot be used; the message says why."""


def write(path: Path, arrays: Arrays, settings: str, key: str) -> None:
    """Write ``arrays`` under a temporary name beside ``path``, then rename: others see all of it or nothing.

    Raises:
        OSError: the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    places, body = _layout(arrays)
    name = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with name.open("xb") as file:
            file.write(_header({"settings": settings, "key": key, "arrays": places, **body}))
            for array in arrays.values():
                file.write(np.ascontiguousarray(array).data)
                file.write(b"\0" * (-array.nbytes % _ALIGN))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def _layout(arrays: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where each array goes, counted from the end of the header; size and checksum of all of them."""
    places, at, sums = {}, 0, blake2b(digest_size=16)
    for name, array in arrays.items():
        places[name] = [array.dtype.str, list(array.shape), at]
        at += array.nbytes + -array.nbytes % _ALIGN
        sums.update(checksum(np.ascontiguousarray(array).view(np.uint8).reshape(-1)))
    return places, {"size": at, "checksum": sums.hexdigest()}


def checksum(content: NDArray[np.uint8]) -> bytes:
    """Sums of the 64-bit words of each 4 KB block: any damage inside a word shows, at the speed of memory."""
    whole = len(content) // 8 * 8
    words = content[:whole].view(np.uint64)
    even = len(words) // _BLOCK * _BLOCK
    blocks = words[:even].reshape(-1, _BLOCK).sum(axis=1, dtype=np.uint64)
    sums: bytes = blocks.tobytes()
    return sums + words[even:].tobytes() + content[whole:].tobytes()


def _header(content: dict[str, Any]) -> bytes:
    text = json.dumps(content).encode()
    text += b" " * (-(len(text) + _START.size) % _ALIGN)
    return _START.pack(MAGIC, len(text), blake2b(text, digest_size=16).digest()) + text


def read(path: Path, settings: str, key: str) -> Arrays:
    """The arrays of a file, mapped read-only.

    Raises:
        FileNotFoundError: there is none.
        UnusableFileError: it is no such file, truncated, damaged, or was made from something else.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < _START.size:
            raise UnusableFileError("it is truncated")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    magic, length, digest = _START.unpack_from(content)
    start = _START.size + length
    if magic != MAGIC or size < start:
        raise UnusableFileError("it is truncated" if magic == MAGIC else "it is not an index")
    text = content[_START.size : start]
    if blake2b(text, digest_size=16).digest() != digest:
        raise UnusableFileError("it is damaged (header)")
    header = json.loads(text)
    if header["settings"] != settings:
        raise UnusableFileError("another version of Gristmill or of Unicode made it")
    if header["key"] != key:
        raise UnusableFileError("it belongs to other benchmarks")
    if size != start + header["size"]:
        raise UnusableFileError("it is truncated")
    return _mapped(content, start, header)


def _mapped(content: mmap.mmap, start: int, header: dict[str, Any]) -> Arrays:
    arrays: Arrays = {}
    sums = blake2b(digest_size=16)
    for name, (kind, shape, at) in header["arrays"].items():
        count = int(np.prod(shape, dtype=np.int64))
        flat = np.frombuffer(content, dtype=np.dtype(kind), count=count, offset=start + at)
        sums.update(checksum(flat.view(np.uint8)))
        arrays[name] = flat.reshape(shape)
    if sums.hexdigest() != header["checksum"]:
        raise UnusableFileError("it is damaged (checksum)")
    return arrays
