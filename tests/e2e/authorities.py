"""A certificate authority of a test's own, and what it signs."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates for `localhost`."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _unsigned("Test Authority", "Test Authority", key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def trusting(self) -> ssl.SSLContext:
        """A client that trusts this authority and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode())
        return context

    def issue(
        self, folder: Path, *, days: int = 30, as_rsa: bool = False, password: bytes | None = None
    ) -> x509.Certificate:
        """Write `house.pem` and `house.key`, valid from yesterday for that many days; gives the certificate."""
        key = rsa.generate_private_key(65537, 2048) if as_rsa else ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
        certificate = (
            _unsigned("localhost", "Test Authority", key, days=days)
            .add_extension(names, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        pkcs8 = serialization.PrivateFormat.PKCS8
        (folder / "house.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "house.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, locked))
        return certificate


def _unsigned(
    subject: str, issuer: str, key: CertificateIssuerPrivateKeyTypes, *, days: int = 30
) -> x509.CertificateBuilder:
    began = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=days))
    )
