"""A certificate made on the spot, so that the twin can serve TLS to clients that refuse anything else.

It is self-signed: a client trusts it once it is told to (``trust``), and nobody else has the key.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.src.domain.errors import ConfigurationError
from simulator.market.clock import wall_ms

LIFE = timedelta(days=397)
# A client's clock may be a little behind
EARLY = timedelta(days=1)
NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the certificate and its key are (PEM)."""

    certificate: Path
    key: Path

    @property
    def trust(self) -> str:
        """What to set in a client's environment so that it trusts the twin."""
        path = self.certificate
        return f"SSL_CERT_FILE={path} REQUESTS_CA_BUNDLE={path} NODE_EXTRA_CA_CERTS={path}"


def make_certificate(folder: Path, host: str) -> CertificateFiles:
    """Make a key and a certificate for ``host`` and this machine's loopback names in ``folder``; both are new.

    Raises ConfigurationError for a folder that cannot be written.
    """
    files = CertificateFiles(folder.absolute() / "twin-certificate.pem", folder.absolute() / "twin-key.pem")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(key, dict.fromkeys((*NAMES, host)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_secret(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    except OSError as error:
        raise ConfigurationError(f"cannot write a certificate to {folder}: {error.strerror or error}") from error
    return files


def _write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _signed(key: ec.EllipticCurvePrivateKey, hosts: dict[str, None]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "RootTrading twin")])
    now, public = datetime.fromtimestamp(wall_ms() // 1000, UTC), key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, SHA256())
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
