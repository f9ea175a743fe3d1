"""Bundles signed with a key of one's own, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mf2_edge.bundle.edit import edit_manifest
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.bundle.signature import RELEASE_KEY, SIGNATURE, check_signature, sign_bundle
from mf2_edge.cli.main import main
from mf2_edge.errors import MissingExtraError, SignatureError
from tests.helpers.make_tiny_bundle import FOLDER

ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")


def write_keys(folder: Path, name: str) -> tuple[Path, Path]:
    """A private and a public key, PEM."""
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, form))
    return private, public


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "bundle"))


def test_a_signed_bundle_verifies_with_its_key_alone(bundle: Path, tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, "ours")
    _, other = write_keys(tmp_path, "other")
    with pytest.raises(SignatureError, match="there is none"):
        check_signature(bundle, public)
    assert sign_bundle(bundle, private) == bundle / SIGNATURE
    check_signature(bundle, public)
    with pytest.raises(SignatureError, match="somebody else signed it"):
        check_signature(bundle, other)


@pytest.mark.parametrize("name", list_bundles())
def test_what_ships_is_signed_by_the_release(name: str) -> None:
    check_signature(load_bundle(name).path, RELEASE_KEY)


def test_a_bundle_of_one_s_own_is_not_of_the_release(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, _ = write_keys(tmp_path, "ours")
    sign_bundle(bundle, private)
    assert main(["verify", str(bundle), "--released"]) == 2
    assert "somebody else signed it" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["manifest", "signature", "no base64", "empty"])
def test_what_was_changed_is_refused(bundle: Path, tmp_path: Path, damage: str) -> None:
    private, public = write_keys(tmp_path, "ours")
    file = sign_bundle(bundle, private)
    if damage == "manifest":
        manifest = bundle / "manifest.json"
        manifest.write_bytes(manifest.read_bytes() + b"\n")
    else:
        said = {"signature": b"A" + file.read_bytes()[1:], "no base64": b"abc"}
        file.write_bytes(said.get(damage, b""))
    with pytest.raises(SignatureError, match="the bundle was changed"):
        check_signature(bundle, public)


def test_keys_that_are_none(bundle: Path, tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, "ours")
    text = tmp_path / "text.pem"
    text.write_text("no key")
    with pytest.raises(SignatureError, match="expected an Ed25519 key"):
        sign_bundle(bundle, text)
    with pytest.raises(SignatureError, match="no key"):
        sign_bundle(bundle, public)
    with pytest.raises(SignatureError, match="no key"):
        check_signature(bundle, private)


def test_the_command_refuses_before_it_loads_a_model(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_manifest(bundle, lambda raw: raw["artifacts"].pop())  # ExecuTorch is slow to start
    private, public = write_keys(tmp_path, "ours")
    assert main(["verify", str(bundle), "--key", str(public)]) == 2
    assert "expected a signed bundle" in capsys.readouterr().err
    assert main(["sign", str(bundle), "--key", str(private)]) == 0
    assert capsys.readouterr().out == f"{bundle / SIGNATURE}\n"
    assert main(["verify", str(bundle), "--key", str(public)]) == 0


def test_without_the_package_the_extra_is_named(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, public = write_keys(tmp_path, "ours")
    monkeypatch.setitem(__import__("sys").modules, serialization.__name__, None)
    with pytest.raises(MissingExtraError, match=r"mf2-edge\[sign\]"):
        check_signature(bundle, public)


def test_a_key_where_the_signature_would_go_is_kept(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, _ = write_keys(tmp_path, "ours")
    key = bundle / SIGNATURE
    key.write_bytes(private.read_bytes())
    assert main(["sign", str(bundle), "--key", str(key)]) != 0
    assert "would overwrite" in capsys.readouterr().err
    assert key.read_bytes() == private.read_bytes()
