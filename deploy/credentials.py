"""Makes the credentials of a whole installation of its own, with the standard library only."""

import base64
import hashlib
import secrets
from collections.abc import Sequence

SERVICES = ("identity", "imaging", "video", "billing", "affiliate", "notifications")
"""Those with a database."""

# RFC 8032, section 5.1: the curve of Ed25519.
PRIME = 2**255 - 19
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME
BASE_Y = 4 * pow(5, -1, PRIME) % PRIME
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
# RFC 8410: what precedes the key's 32 bytes in PKCS #8 and in SubjectPublicKeyInfo.
PRIVATE_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
PUBLIC_PREFIX = bytes.fromhex("302a300506032b6570032100")

Point = tuple[int, int]


def make_credentials(services: Sequence[str] = SERVICES) -> dict[str, str]:
    """Fresh random values by name; the two keys are PEM."""
    signing_key, public_key = make_key_pair()
    databases = {
        f"{service.upper()}_{role}_PASSWORD": secrets.token_hex(16)
        for service in services
        for role in ("DATABASE", "OWNER")
    }
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        **databases,
        "RABBITMQ_PASSWORD": secrets.token_hex(16),
        "CALLER_SIGNING_KEY": signing_key,
        "CALLER_PUBLIC_KEY": public_key,
        "ADMINISTRATOR_PASSWORD": secrets.token_urlsafe(16),
        "FAL_KEY": f"{secrets.token_hex(8)}:{secrets.token_hex(16)}",
        "STRIPE_API_KEY": f"sk_test_{secrets.token_hex(16)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "FIKEN_TOKEN": secrets.token_hex(16),
        "RESEND_API_KEY": f"re_{secrets.token_hex(16)}",
        "RESEND_WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
        "STORAGE_ACCESS_KEY": secrets.token_hex(10),
        "STORAGE_SECRET_KEY": secrets.token_hex(20),
        "GRAFANA_PASSWORD": secrets.token_urlsafe(16),
    }


def make_key_pair() -> tuple[str, str]:
    """An Ed25519 key and its public half, PEM, as the gateway and the services read them."""
    seed = secrets.token_bytes(32)
    return (
        _pem("PRIVATE KEY", PRIVATE_PREFIX + seed),
        _pem("PUBLIC KEY", PUBLIC_PREFIX + public_half(seed)),
    )


def public_half(seed: bytes) -> bytes:
    """RFC 8032, section 5.1.5. Not in constant time: run once, where nobody can measure it."""
    digest = bytearray(hashlib.sha512(seed).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    x, y = _multiplied(int.from_bytes(digest, "little"), (BASE_X, BASE_Y))
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _multiplied(factor: int, point: Point) -> Point:
    total: Point = (0, 1)
    while factor:
        if factor & 1:
            total = _added(total, point)
        point = _added(point, point)
        factor >>= 1
    return total


def _added(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    both = CURVE * x1 * x2 * y1 * y2 % PRIME
    x = (x1 * y2 + x2 * y1) * pow(1 + both, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - both, -1, PRIME)
    return x % PRIME, y % PRIME


def _pem(kind: str, der: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{base64.b64encode(der).decode()}\n-----END {kind}-----\n"
