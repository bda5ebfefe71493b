"""A certificate authority for tests, made with the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.requirements import need


class Authority:
    """Signs certificates for names; all files in one folder."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("openssl")
        need(found is not None, "openssl")
        assert found
        self._openssl = found
        self._folder = folder
        self.certificate = folder / "authority.pem"
        self._key = folder / "authority.key"
        self._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-subj", "/CN=Test authority", "-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, name: str, alternative: str) -> tuple[Path, Path]:
        """The certificate and key files for a common name ("" for none) and an alternative name (``DNS:localhost``)."""
        stem = self._folder / alternative.replace(":", "_").replace("/", "_")
        key, request, certificate, extension = (stem.with_suffix(end) for end in (".key", ".csr", ".pem", ".ext"))
        extension.write_text(f"subjectAltName={alternative}\n")
        self._run(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={name}" if name else "/O=devices", "-keyout", str(key), "-out", str(request)),
        )
        self._run(
            *("x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-days", "2", "-extfile", str(extension), "-out", str(certificate)),
        )
        return certificate, key

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._openssl, *arguments], check=True, capture_output=True, timeout=30)
