"""A backup's file: one tar of parts with a manifest first, checked part by part, encrypted where a recipient is set."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
import pyrage

from broker.errors import Invalid

FORMAT = 1
_MANIFEST = "manifest.json"
_AGE = b"age-encryption.org/v1"


class Part(msgspec.Struct, frozen=True):
    """One file of the archive: its path there, size in bytes, mode, and SHA-256 (hexadecimal)."""

    path: str
    size: int
    mode: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds and what made it, so that a restore can be refused before it begins and checked after."""

    format: int = FORMAT
    city_os: str
    made_at: str
    postgres: int
    """The server's `server_version_num`."""
    migrations: list[tuple[str, str, str]]
    """Owner, name and digest of each migration applied."""
    counts: dict[str, int]
    """Rows by table, at the moment of the backup."""
    positions: dict[str, int]
    """The next offset of each ``consumer/topic/partition``."""
    log: Literal["postgres", "kafka"]
    """Which log the city ran on; Kafka's own records are not in here."""
    parts: list[Part]


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parts_of(folder: Path) -> list[Part]:
    """Every file below `folder`."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [_part(folder, path) for path in found]


def _part(folder: Path, path: Path) -> Part:
    info = path.stat()
    return Part(path.relative_to(folder).as_posix(), info.st_size, info.st_mode & 0o777, hash_file(path))


def write_archive(folder: Path, manifest: Manifest, target: Path, recipient: str | None) -> None:
    """Put `folder` and its manifest into `target` (mode 0600), which appears only when it is whole and on disk."""
    (folder / _MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    unfinished = target.with_name(f".{target.name}.unfinished")
    plain = unfinished.with_name(f"{unfinished.name}.tar") if recipient else unfinished
    try:
        _make_private(plain)
        with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as tar:
            for name in (_MANIFEST, *(part.path for part in manifest.parts)):
                tar.add(folder / name, name, recursive=False)
        if recipient:
            _encrypt(plain, unfinished, recipient)
        _to_disk(unfinished)
        unfinished.replace(target)
        _to_disk(target.parent)
    finally:
        plain.unlink(missing_ok=True)
        unfinished.unlink(missing_ok=True)


def _encrypt(plain: Path, target: Path, recipient: str) -> None:
    _make_private(target)
    pyrage.encrypt_file(str(plain), str(target), [parse_recipient(recipient)])


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))


def parse_recipient(recipient: str) -> Any:
    """The public key ``age1…`` as the library wants it. Raises `Invalid` where it is not one."""
    try:
        return pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError as error:
        raise Invalid(f"{recipient!r} is no age public key (age1…): {error}", field="recipient") from error


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def opened_archive(source: Path, beside: Path, identity: Path | None) -> Iterator[tuple[Manifest, Path]]:
    """The manifest and the extracted, verified parts of `source`, in a folder in `beside` that is gone afterwards.

    `identity` is the file with the age private key of an encrypted archive. Raises `Invalid` when the archive
    cannot be read, is of a later format, or a part is missing, altered or not in the manifest.
    """
    with TemporaryDirectory(dir=beside, prefix=".restoring-") as name:
        folder = Path(name)
        plain = _decrypted(source, folder / "archive.tar", identity)
        parts = folder / "parts"
        try:
            with tarfile.open(plain, "r:") as tar:
                tar.extractall(parts, filter="data")
            manifest = msgspec.json.decode((parts / _MANIFEST).read_bytes(), type=Manifest)
        except (tarfile.TarError, OSError, msgspec.DecodeError) as error:
            raise Invalid(f"{source} is not a backup of a city, or is damaged: {error}", field="source") from error
        (parts / _MANIFEST).unlink()
        _verify(source, manifest, parts)
        yield manifest, parts


def _decrypted(source: Path, target: Path, identity: Path | None) -> Path:
    with source.open("rb") as file:
        encrypted = file.read(len(_AGE)) == _AGE
    if not encrypted:
        return source
    if identity is None:
        raise Invalid(f"{source} is encrypted: name the file that holds its private key", field="identity")
    try:
        lines = identity.read_text().splitlines()
        keys = [pyrage.x25519.Identity.from_str(line.strip()) for line in lines if line.startswith("AGE-SECRET-KEY-")]
        pyrage.decrypt_file(str(source), str(target), keys)
    except (OSError, pyrage.IdentityError, pyrage.DecryptError) as error:
        raise Invalid(f"{source} cannot be decrypted with {identity}: {error}", field="identity") from error
    return target


def _verify(source: Path, manifest: Manifest, folder: Path) -> None:
    if manifest.format > FORMAT:
        raise Invalid(f"{source} has format {manifest.format}; this version reads up to {FORMAT}", field="source")
    found = {part.path: part.sha256 for part in parts_of(folder)}
    promised = {part.path: part.sha256 for part in manifest.parts}
    wrong = sorted(path for path in found.keys() | promised.keys() if found.get(path) != promised.get(path))
    if wrong:
        raise Invalid(
            f"{source} is damaged: {wrong[0]} is not as its manifest says ({len(wrong)} parts)", field="source"
        )


def copy_tree(source: Path, target: Path, skip: frozenset[str]) -> None:
    """Copy files with their modes; `skip` names what stays, relative to `source` (a folder with all below it)."""
    for path in sorted(source.rglob("*")):
        relative = PurePosixPath(path.relative_to(source).as_posix())
        left_out = str(relative) in skip or any(str(parent) in skip for parent in relative.parents)
        if left_out or path.is_symlink() or not path.is_file() or path.suffix == ".log":
            continue
        (target / relative).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(path, target / relative)
