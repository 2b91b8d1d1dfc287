"""What `hearth serve` refuses to start with, and what it says then."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n"])
def test_tls_files_that_are_none_are_named(alone: Run, tmp_path: Path, content: bytes | None) -> None:
    """Before anything is opened: neither a store nor a port is to blame."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    if content is not None:
        cert.write_bytes(content)
        key.write_bytes(content)
    done = alone("serve", "--port", "0", "--tls-cert", str(cert), "--tls-key", str(key))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"hearth: tls_cert {cert} and tls_key {key}: ")
    assert ("can't be read" in done.err) is (content is None)
    assert not (tmp_path / "data").exists()
