#!/bin/sh
# Run a command where Swift 6 is: in a chroot of Debian trixie, which has a compiler, Foundation,
# XCTest and SwiftPM (1.5 GB, made once in two to four minutes).
#
#     bindings/swift/toolchain.sh [--bind FOLDER]... COMMAND [ARGUMENT]...
#
# The command sees this repository and each FOLDER where they are, and starts in bindings/swift; its
# exit status is the script's. 77: it cannot be run on this machine, and standard error says why.
# The chroot is kept in MF2_EDGE_SWIFT_ROOT, else in mf2-edge/ of the user's cache folder. Mounts are
# of a namespace of their own and go with the command.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
repository=$(dirname "$(dirname "$here")")
root=${MF2_EDGE_SWIFT_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/mf2-edge/swift-trixie}
log=$root.log

cannot() {
	echo "Swift is not available: $1" >&2
	exit 77
}

# The mirror of this machine's own sources: where apt would fetch a package of the base system.
mirror() {
	apt-get --print-uris download dash 2>/dev/null |
		sed -n "s|^'\([a-z]*://[^']*\)/pool/.*|\1|p" | head -n 1
}

make_root() {
	if ! command -v debootstrap >/dev/null; then
		{ apt-get update -qq && apt-get install -y -qq debootstrap; } >"$log" 2>&1 ||
			cannot "debootstrap cannot be installed; see $log"
	fi
	from=$(mirror)
	if [ -z "$from" ]; then
		apt-get update -qq >"$log" 2>&1 || true
		from=$(mirror)
	fi
	[ -n "$from" ] || cannot "apt's sources name no Debian mirror"
	rm -rf --one-file-system "$root.partial"
	debootstrap --variant=minbase --include=ca-certificates trixie "$root.partial" "$from" \
		>"$log" 2>&1 || cannot "debootstrap of trixie from $from failed; see $log"
	unshare --mount sh -eu -c '
		mount --bind /proc "$0/proc"
		exec chroot "$0" env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y --no-install-recommends swiftlang libc6-dev' \
		"$root.partial" >>"$log" 2>&1 || cannot "swiftlang cannot be installed; see $log"
	rm -rf "$root.partial"/var/cache/apt/archives/*.deb "$root.partial"/var/lib/apt/lists/*
	mv "$root.partial" "$root"
}

folders="$repository"
while [ "${1:-}" = --bind ]; do
	folders="$folders
$2"
	shift 2
done
[ $# -gt 0 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }

[ "$(uname -s)" = Linux ] || cannot "the chroot needs Linux; on a Mac use Xcode's swift"
[ "$(id -u)" = 0 ] || cannot "the chroot needs root"
command -v apt-get >/dev/null || cannot "the chroot is made by apt and debootstrap"
unshare --mount true 2>/dev/null || cannot "mount namespaces are not allowed here"
mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9
[ -d "$root" ] || make_root
flock -u 9
exec 9>&-

export FOLDERS="$folders" HERE="$here" ROOT="$root"
exec unshare --mount sh -eu -c '
	mount --bind /proc "$ROOT/proc"
	mount --rbind /dev "$ROOT/dev"
	echo "$FOLDERS" | while read -r folder; do
		mkdir -p "$ROOT$folder"
		mount --bind "$folder" "$ROOT$folder"
	done
	exec chroot "$ROOT" /bin/sh -c "cd \"\$HERE\" && exec \"\$@\"" sh "$@"' sh "$@"
