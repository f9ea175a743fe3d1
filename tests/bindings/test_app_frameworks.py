"""Flutter and React Native: the examples say what the bindings below them say.

The tests of each platform run the compilers, where there is one; no phone runs any of it here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HEADER: Final = ROOT / "bindings/cpp/include/mf2_edge.h"
DART: Final = ROOT / "examples/flutter/lib/mf2_edge.dart"
REACT_NATIVE: Final = ROOT / "examples/react-native"

C_TYPES: Final = {
    "char*": "Pointer<Utf8>",
    "uint8_t*": "Pointer<Uint8>",
    "int32_t": "Int32",
    "int64_t": "Int64",
    "size_t": "Size",
    "double": "Double",
    "void": "Void",
    "mf2_edge_status": "Int32",
    "mf2_edge_analyzer*": "Pointer<Void>",
    "mf2_edge_faces*": "Pointer<Void>",
    "mf2_edge_analyzer**": "Pointer<Pointer<Void>>",
    "mf2_edge_faces**": "Pointer<Pointer<Void>>",
}
"""What Dart calls a type of C; structures and pointers to them have one name in both."""


def _header() -> str:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    return text.replace("const ", "")


def _dart_name(structure: str) -> str:
    return "".join(part.capitalize() for part in structure.split("_"))


def _dart_type(c_type: str) -> str:
    c_type = c_type.replace(" ", "")
    if c_type in C_TYPES:
        return C_TYPES[c_type]
    bare = _dart_name(c_type.rstrip("*"))
    return f"Pointer<{bare}>" if c_type.endswith("*") else bare


def _structures_of_c() -> dict[str, list[tuple[str, str]]]:
    found = {}
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", _header(), re.DOTALL):
        fields = []
        for declared in filter(None, map(str.strip, body.split(";"))):
            match = re.fullmatch(r"(\w+\s*\**)\s*(.+)", declared)
            assert match is not None
            for field in match[2].split(","):
                array = re.fullmatch(r"\s*(\w+)\[(\d+)\]", field)
                kind = _dart_type(match[1])
                fields.append(
                    (array[1], f"Array({array[2]}) {kind}") if array else (field.strip(), kind)
                )
        found[_dart_name(name)] = fields
    return found


def _structures_of_dart() -> dict[str, list[tuple[str, str]]]:
    found = {}
    text = DART.read_text()
    for name, body in re.findall(r"final class (\w+) extends Struct \{(.*?)\n\}", text, re.DOTALL):
        fields = []
        declared = re.findall(r"(?:@([\w()]+)\s+)?external ([\w<>]+) (\w+);", body)
        assert len(declared) == body.count("external")
        for marked, kind, field in declared:
            inner = re.fullmatch(r"Array<(\w+)>", kind)
            if inner:
                fields.append((field, f"{marked} {inner[1]}"))
            else:
                fields.append((field, marked.removesuffix("()") or kind))
        found[name] = fields
    return found


def test_structures_in_dart_are_those_of_the_header() -> None:
    ours, theirs = _structures_of_dart(), _structures_of_c()
    assert ours == {name: theirs[name] for name in ours}
    used = {"Mf2EdgeFace", "Mf2EdgeActionUnit", "Mf2EdgeFrame", "Mf2EdgeOptions", "Mf2EdgeBox"}
    assert used <= set(ours)


def test_functions_in_dart_are_those_of_the_header() -> None:
    text = " ".join(DART.read_text().split())
    types = dict(re.findall(r"typedef (\w+) = ([^;]+);", text))
    looked_up = re.findall(r"lookupFunction<(\w+), (\w+)>\('(\w+)'\)", text)
    assert len(looked_up) >= 7
    for in_c, in_dart, name in looked_up:
        declared = re.search(rf"([\w*]+(?: \*)?)\s+{name}\(([^)]*)\)", " ".join(_header().split()))
        assert declared is not None, name
        arguments = [] if declared[2] == "void" else declared[2].split(",")
        kinds = [_dart_type(" ".join(each.split()[:-1])) for each in arguments]
        back, _, inside = types[in_c].partition(" Function(")
        given = [each.split()[0] for each in inside.rstrip(")").split(",") if each]
        assert (back, given) == (_dart_type(declared[1]), kinds), name
        as_dart = {"Int32": "int", "Size": "int", "Void": "void"}
        back, _, inside = types[in_dart].partition(" Function(")
        given = [each.split()[0] for each in inside.rstrip(")").split(",") if each]
        assert (back, given) == (
            as_dart.get(_dart_type(declared[1]), _dart_type(declared[1])),
            [as_dart.get(kind, kind) for kind in kinds],
        ), name


def test_both_phones_fill_the_faces_that_typescript_declares() -> None:
    typescript = (REACT_NATIVE / "src/mf2Edge.ts").read_text()
    bodies = re.findall(r"interface (?:Face|ActionUnit) \{(.*?)\n\}", typescript, re.DOTALL)
    declared = {name for body in bodies for name in re.findall(r"^  (\w+):", body, re.MULTILINE)}
    kotlin = (REACT_NATIVE / "android/Mf2EdgeModule.kt").read_text()
    swift = (REACT_NATIVE / "ios/FacesOfPicture.swift").read_text()
    assert len(declared) == 12
    assert set(re.findall(r'put\w+\("(\w+)"', kotlin)) == declared
    assert set(re.findall(r'^ +"(\w+)": ', swift, re.MULTILINE)) == declared
