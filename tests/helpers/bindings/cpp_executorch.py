"""The C ABI on ExecuTorch, called from Python: `python cpp_executorch.py LIBRARY MODEL CROPS`.

The wheel's ExecuTorch is a part of a Python module, whose symbols only Python itself can give. So
the library is loaded into an interpreter that has that module; an app links ExecuTorch's release.
Prints the answers on the crops as JSON: status, emotion, and which units are present.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
from pathlib import Path
from typing import Any, ClassVar

_Fields = list[tuple[str, Any]]


class Options(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [
        ("detectors", ctypes.c_char_p),
        ("litert", ctypes.c_char_p),
        ("precision", ctypes.c_char_p),
        ("threads", ctypes.c_int32),
        ("format", ctypes.c_char_p),
        ("experimental", ctypes.c_int32),
        ("fast", ctypes.c_int32),
        ("min_face", ctypes.c_double),
        ("min_detection_score", ctypes.c_double),
        ("max_faces", ctypes.c_int32),
        ("turned_frames", ctypes.c_int32),
    ]


class Frame(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [
        ("pixels", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("stride", ctypes.c_size_t),
        ("format", ctypes.c_int32),
    ]


class Unit(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [
        ("label", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("score", ctypes.c_double),
        ("present", ctypes.c_int32),
        ("reason", ctypes.c_char_p),
        ("intensity", ctypes.c_double),
        ("level", ctypes.c_char_p),
        ("laboratory_f1", ctypes.c_double),
        ("laboratory_faces", ctypes.c_int64),
        ("world_f1", ctypes.c_double),
        ("world_faces", ctypes.c_int64),
    ]


class Face(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [
        ("box", ctypes.c_double * 4),
        ("detection_score", ctypes.c_double),
        ("has_landmarks", ctypes.c_int32),
        ("landmarks", ctypes.c_double * 12),
        ("status", ctypes.c_char_p),
        ("emotion", ctypes.c_char_p),
        ("emotion_score", ctypes.c_double),
        ("emotion_reason", ctypes.c_char_p),
        ("emotion_scores", ctypes.c_void_p),
        ("emotion_count", ctypes.c_size_t),
        ("action_units", ctypes.POINTER(Unit)),
        ("action_unit_count", ctypes.c_size_t),
        ("track_id", ctypes.c_int32),
        ("regions", ctypes.c_void_p),
        ("region_count", ctypes.c_size_t),
    ]


def main(library: str, model: str, crops: str) -> None:
    from executorch.extension.pybindings import _portable_lib

    assert _portable_lib is not None
    abi = ctypes.CDLL(library)
    abi.mf2_edge_last_error.restype = ctypes.c_char_p
    abi.mf2_edge_close.argtypes = abi.mf2_edge_free_faces.argtypes = [ctypes.c_void_p]

    def check(status: int) -> None:
        if status:
            sys.exit(f"{status}: {abi.mf2_edge_last_error().decode()}")

    analyzer = ctypes.c_void_p()
    options = Options(format=b"executorch")
    check(abi.mf2_edge_open(model.encode(), ctypes.byref(options), ctypes.byref(analyzer)))
    states, data, at = [], Path(crops).read_bytes(), 0
    while at < len(data):
        width, height = struct.unpack_from("<ii", data, at)
        pixels = data[at + 8 : at + 8 + width * height * 3]
        at += 8 + len(pixels)
        frame, faces, face = (
            Frame(pixels, len(pixels), width, height, 0, 0),
            ctypes.c_void_p(),
            Face(),
        )
        check(abi.mf2_edge_predict_crop(analyzer, ctypes.byref(frame), ctypes.byref(faces)))
        check(abi.mf2_edge_face_at(faces, ctypes.c_size_t(0), ctypes.byref(face)))
        units = face.action_units[: face.action_unit_count]
        present = {unit.label.decode(): {"present": bool(unit.present)} for unit in units}
        state = {"status": face.status.decode(), "emotion": face.emotion.decode()}
        states.append(state | {"action_units": present})
        abi.mf2_edge_free_faces(faces)
    abi.mf2_edge_close(analyzer)
    json.dump(states, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
