"""API keys and signatures: HMAC-SHA256, RSA PKCS#1 v1.5 and Ed25519, verified over the bytes as received."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from random import Random

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
KEY_TYPES = ("HMAC", "RSA", "ED25519")


@dataclass(frozen=True)
class ApiKey:
    """A key of an account. ``secret_key`` is what the client signs with: text for HMAC, PKCS#8 PEM otherwise."""

    account: str
    api_key: str
    secret_key: str
    key_type: str
    verifier: rsa.RSAPublicKey | ed25519.Ed25519PublicKey | None = None
    can_trade: bool = True
    can_read: bool = True
    can_withdraw: bool = False
    ip_restricted: bool = False


def generate_key(account: str, key_type: str = "HMAC", *, seed: str = "") -> ApiKey:
    """A key for ``account``: the same for the same (account, type, seed), RSA excepted.

    The twin's money is not real: a reproducible key is worth more than an unguessable one.

    Raises:
        ValueError: an unknown key type.
    """
    random = Random(f"{seed}/{account}/{key_type}")
    api_key = "".join(random.choices(_ALPHABET, k=64))
    if key_type == "HMAC":
        return ApiKey(account, api_key, "".join(random.choices(_ALPHABET, k=64)), key_type)
    private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    if key_type == "RSA":
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    elif key_type == "ED25519":
        private = ed25519.Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
    else:
        raise ValueError(f"{key_type!r} is not one of {', '.join(KEY_TYPES)}")
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ApiKey(account, api_key, pem.decode(), key_type, private.public_key())


def load_key(account: str, api_key: str, secret_key: str, key_type: str) -> ApiKey:
    """A key from what a state file keeps of it.

    Raises:
        ValueError: an unknown type, or text that is no key of that type.
    """
    if key_type == "HMAC":
        return ApiKey(account, api_key, secret_key, key_type)
    private = serialization.load_pem_private_key(secret_key.encode(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError(f"not an RSA or Ed25519 key for {account}")
    return ApiKey(account, api_key, secret_key, key_type, private.public_key())


def verify(key: ApiKey, payload: bytes, signature: str) -> bool:
    """True if ``signature`` (percent-decoded) signs exactly ``payload``.

    HMAC hex is case-insensitive; RSA and Ed25519 base64 are not.
    """
    if key.verifier is None:
        expected = hmac.new(key.secret_key.encode(), payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.lower().encode())
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key.verifier, rsa.RSAPublicKey):
            key.verifier.verify(raw, payload, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verifier.verify(raw, payload)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def sign(key: ApiKey, payload: bytes) -> str:
    """The signature a client would make: hex for HMAC, base64 (not percent-encoded) otherwise. For tests and tools."""
    if key.verifier is None:
        return hmac.new(key.secret_key.encode(), payload, hashlib.sha256).hexdigest()
    private = serialization.load_pem_private_key(key.secret_key.encode(), password=None)
    if isinstance(private, rsa.RSAPrivateKey):
        return base64.b64encode(private.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode()
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return base64.b64encode(private.sign(payload)).decode()
    raise ValueError(f"cannot sign with a {key.key_type} key")
