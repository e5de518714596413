"""Any `needed` shares give the secret, and fewer say nothing."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.escrow import shamir


def test_the_field_is_that_of_aes() -> None:
    assert shamir.multiply(0x57, 0x83) == 0xC1  # FIPS 197, 4.2
    assert shamir.multiply(0x57, 0x13) == 0xFE  # FIPS 197, 4.2.1
    assert all(shamir.multiply(a, shamir.inverse(a)) == 1 for a in range(1, 256))


def test_shares_are_the_values_of_the_polynomial() -> None:
    """2 of 3 with the slope 7: 0x41 + 7x at 1, 2, 3; the format must never change."""
    shares = shamir.split(b"A", 2, 3, random=lambda size: b"\x07" * size)
    assert shares == {1: b"\x46", 2: b"\x4f", 3: b"\x48"}


@given(st.data(), st.binary(min_size=1, max_size=40), st.integers(1, 9))
def test_any_of_them_that_are_enough_give_the_secret(data: st.DataObject, secret: bytes, needed: int) -> None:
    count = data.draw(st.integers(needed, 12))
    shares = shamir.split(secret, needed, count)
    chosen = data.draw(st.permutations(sorted(shares)))[: data.draw(st.integers(needed, count))]
    assert shamir.join({number: shares[number] for number in chosen}) == secret


@pytest.mark.parametrize("secret", [0, 0xA7])
def test_too_few_of_them_say_nothing(secret: int) -> None:
    """Over all 65,536 polynomials of 3 of 3, each pair of bytes that two people may see comes once: any secret fits."""
    rows = iter([bytes(n >> 8 for n in range(65_536)), bytes(range(256)) * 256])
    shares = shamir.split(bytes([secret]) * 65_536, 3, 3, random=lambda _: next(rows))
    for one, two in combinations(shares.values(), 2):
        assert len(set(zip(one, two, strict=True))) == 65_536


def test_each_split_is_another() -> None:
    assert shamir.split(b"the same secret", 2, 3) != shamir.split(b"the same secret", 2, 3)


@pytest.mark.parametrize(("needed", "count"), [(0, 1), (3, 2), (1, 256)])
def test_what_can_not_be_split_is_refused(needed: int, count: int) -> None:
    with pytest.raises(ValueError, match="can't be made"):
        shamir.split(b"x", needed, count)


@pytest.mark.parametrize("shares", [{}, {1: b"a", 2: b"bc"}, {0: b"a"}])
def test_what_does_not_belong_together_is_refused(shares: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="belong together"):
        shamir.join(shares)
