"""Signs the bundles that ship, with a key that is made for it and kept nowhere.

    python packaging/sign_bundles.py

Writes `manifest.sig` into each bundle and the public key beside them, where `mf2-edge verify
--released` looks. Nobody can sign another bundle for that key afterwards; bundles that change are
signed anew, all together, with another key.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.bundle.signature import RELEASE_KEY, sign_bundle
from mf2_edge.io.atomic import replacing


def main() -> int:
    """Sign every bundle that ships; returns the exit code."""
    key = Ed25519PrivateKey.generate()
    with TemporaryDirectory() as folder:
        private = Path(folder) / "private.pem"
        private.touch(0o600)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        for name in list_bundles():
            sign_bundle(load_bundle(name).path, private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with replacing(RELEASE_KEY) as partial:
        partial.write_bytes(public)
    print(f"signed {', '.join(list_bundles())}{os.linesep}{public.decode()}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
