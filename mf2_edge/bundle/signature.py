"""Signatures of bundles: Ed25519 (RFC 8032) over the bytes of `manifest.json`, in `manifest.sig`.

The manifest vouches for every other file by size and sha256, so its signature vouches for all. Keys
are PEM files as OpenSSL writes them:

    openssl genpkey -algorithm ed25519 -out private.pem
    openssl pkey -in private.pem -pubout -out public.pem

`manifest.sig` holds the 64 bytes in base64 and a line break. Needs the extra `sign`.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Final

from mf2_edge.bundle.loader import LARGEST_MANIFEST, MANIFEST
from mf2_edge.errors import BundleError, SignatureError
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing
from mf2_edge.io.regular import open_regular

SIGNATURE: Final = "manifest.sig"
RELEASE_KEY: Final = Path(__file__).parents[1] / "bundles" / "release.pub.pem"
"""What the bundles of this package are signed with; its private half is kept nowhere."""
_LONGEST: Final = 4096
"""Bytes of a key or a signature file."""
_ED25519: Final = "cryptography.hazmat.primitives.asymmetric.ed25519"


def sign_bundle(folder: Path, private_key: Path) -> Path:
    """Write the signature of a bundle's manifest with a private key (PEM); returns where.

    Raises SignatureError for a key that is none, BundleError for a folder without a manifest,
    OSError where the signature cannot be written, MissingExtraError without `cryptography`.
    """
    key = _load(private_key, "load_pem_private_key", "Ed25519PrivateKey", password=None)
    signature = key.sign(_read(folder / MANIFEST, LARGEST_MANIFEST))
    with replacing(folder / SIGNATURE) as partial:
        partial.write_bytes(b64encode(signature) + b"\n")
    return folder / SIGNATURE


def check_signature(folder: Path, public_key: Path) -> None:
    """Raise SignatureError unless a bundle's manifest was signed by the owner of a public key.

    Raises BundleError for a folder without a manifest, MissingExtraError without `cryptography`.
    """
    key = _load(public_key, "load_pem_public_key", "Ed25519PublicKey")
    wrong = require("cryptography.exceptions", extra="sign").InvalidSignature
    manifest, file = _read(folder / MANIFEST, LARGEST_MANIFEST), folder / SIGNATURE
    if not file.exists():
        raise SignatureError(f"{file}: there is none; expected a signed bundle")
    try:
        key.verify(b64decode(_read(file, _LONGEST), validate=False), manifest)
    except (wrong, binascii.Error) as error:
        raise SignatureError(
            f"{file}: is not the signature of {MANIFEST} by the key {public_key}; the bundle was "
            "changed, or somebody else signed it"
        ) from error


def _load(path: Path, loader: str, kind: str, **options: Any) -> Any:
    serialization = require("cryptography.hazmat.primitives.serialization", extra="sign")
    expected = getattr(require(_ED25519, extra="sign"), kind)
    try:
        key = getattr(serialization, loader)(_read(path, _LONGEST), **options)
    except (ValueError, TypeError) as error:  # no PEM; encrypted
        raise SignatureError(f"{path}: no key ({error}); expected an Ed25519 key (PEM)") from error
    if not isinstance(key, expected):
        raise SignatureError(f"{path}: {type(key).__name__}; expected {kind}")
    return key


def _read(path: Path, most: int) -> bytes:
    try:
        with open_regular(path) as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(data) > most:
        raise BundleError(f"{path}: longer than {most:,} bytes")
    return data
