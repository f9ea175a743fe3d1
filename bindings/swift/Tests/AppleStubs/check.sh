#!/bin/sh
# Type-check what is Apple's of the package against the declarations in this folder, where there is no Apple SDK.
#
#     toolchain.sh Tests/AppleStubs/check.sh BUILD [PROGRAM.swift]...
#
# BUILD is where `swift build` put the other modules, such as .build/release. Each PROGRAM, which may
# import MF2EdgeApple and MF2EdgeBench, is checked as well. Not checked by this: that Apple's and Meta's frameworks have
# what the declarations say, and what they do.
set -eu
build=$1
shift
here=$(dirname "$0")
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
strict="-parse-as-library -strict-concurrency=complete -warnings-as-errors"
for name in CoreGraphics CoreVideo CoreML Vision AVFoundation ExecuTorch UIKit; do
	# As Apple's frameworks are: an enumeration may have more cases than a program knows.
	swiftc -emit-module -parse-as-library -suppress-warnings -enable-library-evolution \
		-module-name "$name" -I "$made" -o "$made/$name.swiftmodule" "$here/$name.swift"
done
for name in MF2EdgeApple MF2EdgeBench; do
	swiftc -emit-module $strict -module-name "$name" -I "$made" -I "$build/Modules" \
		-o "$made/$name.swiftmodule" "$here/../../Sources/$name"/*.swift
done
for program in "$@"; do
	swiftc -typecheck $strict -I "$made" -I "$build/Modules" "$program"
done
