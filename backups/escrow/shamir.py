"""Secret sharing: any `needed` of the shares give the secret, and fewer say nothing about it.

Shamir's scheme (Communications of the ACM 22/11, 1979), a polynomial for each byte over GF(256) as AES has it
(FIPS 197, section 4: modulus x^8 + x^4 + x^3 + x + 1). The secret is the value at 0; a share is the values at 1 to 255.
A wrong share gives a wrong secret and no error: whoever joins them has to check what comes out.
"""

import secrets
from collections.abc import Callable, Mapping
from functools import reduce

MODULUS = 0x11B
MOST = 255
Random = Callable[[int], bytes]


def split(secret: bytes, needed: int, count: int, *, random: Random = secrets.token_bytes) -> dict[int, bytes]:
    """`count` shares by their number (1 to `count`), each as long as the secret. Raises ValueError."""
    if not 1 <= needed <= count <= MOST:
        raise ValueError(f"{needed} of {count} shares can't be made")
    higher = [random(len(secret)) for _ in range(needed - 1)]
    return {x: bytes(_value(x, column) for column in zip(secret, *higher, strict=True)) for x in range(1, count + 1)}


def join(shares: Mapping[int, bytes]) -> bytes:
    """The secret of as many shares as are needed, or of more. Raises ValueError where they can't belong together."""
    if not shares or len({len(share) for share in shares.values()}) != 1 or not all(0 < x <= MOST for x in shares):
        raise ValueError("these shares do not belong together")
    weights = {x: _weight(x, [other for other in shares if other != x]) for x in shares}
    columns = zip(*([multiply(weights[x], byte) for byte in share] for x, share in shares.items()), strict=True)
    return bytes(reduce(int.__xor__, column) for column in columns)


def _value(x: int, coefficients: tuple[int, ...]) -> int:
    return reduce(lambda value, coefficient: multiply(value, x) ^ coefficient, reversed(coefficients), 0)


def _weight(x: int, others: list[int]) -> int:
    """Lagrange's basis polynomial of `x` at 0; minus is plus here."""
    return reduce(lambda value, other: multiply(value, multiply(other, inverse(other ^ x))), others, 1)


def multiply(a: int, b: int) -> int:
    """In GF(256)."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (MODULUS if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(a: int) -> int:
    """a^254, since a^255 is 1 for all but 0."""
    return reduce(multiply, [a] * 254)
