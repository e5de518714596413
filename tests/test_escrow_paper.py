"""What was printed comes back as it was, and a wrong line is known by its number."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.escrow import paper, papers, people
from estate.problem import Untrusted

PRINTED = """\
  1  055P-8SB6-CXM6-JTKB-DHPG-0082  XTZ
  2  0C20-A1G7-104G-M2RC-1M70-Y40H  PMR
  3  289H-858P-2WC1-J6GV-3GEH-W7R  FHJ
END  PPV2-RTW7
"""
SIGNER = bytes(range(100, 110))
KEY = bytes([1]) + b"K" + SIGNER + bytes(range(32))


def test_the_format_is_the_one_of_papers_that_lie_in_safes() -> None:
    assert "\n".join(papers.key(people.Private(bytes(range(32))), SIGNER)) + "\n" == PRINTED
    assert paper.read(PRINTED.splitlines()) == KEY


@given(st.binary(min_size=15, max_size=15))
def test_the_alphabet_is_crockfords(data: bytes) -> None:
    ours = paper.lines(data)[0].split()[1].replace("-", "")
    usual = base64.b32encode(data).decode()
    assert ours == usual.translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", paper.ALPHABET))


@given(st.binary(max_size=400))
def test_what_is_printed_is_read(data: bytes) -> None:
    assert paper.read(paper.lines(data)) == data


@given(st.binary(min_size=1, max_size=60), st.randoms())
def test_it_may_be_typed_carelessly_and_in_any_order(data: bytes, chance: random.Random) -> None:
    typed = [line.replace("-", chance.choice(["", " ", "-"])) for line in paper.lines(data)]
    typed = [line.replace("0", "o").lower() if chance.random() < 0.5 else line.replace("1", "l") for line in typed]
    numbers_stay = [f"{line.split()[0]} {new.strip().split(' ', 1)[1]}"
                    for line, new in zip(paper.lines(data), typed, strict=True)]  # fmt: skip
    chance.shuffle(numbers_stay)
    assert paper.read(["# found in the safe", "", *numbers_stay]) == data


@pytest.mark.parametrize("row", [0, 1, 2])
def test_any_wrong_character_is_known_at_its_line(row: int) -> None:
    lines = PRINTED.splitlines()
    missed = 0
    for place in (place for place, character in enumerate(lines[row]) if place > 3 and character in paper.ALPHABET):
        for character in set(paper.ALPHABET) - {lines[row][place]}:
            wrong = lines[row][:place] + character + lines[row][place + 1 :]
            try:
                paper.read_line(wrong)
                missed += 1
            except paper.BadLine as said:
                assert f"line {row + 1} " in str(said)  # noqa: PT017 - one that is missed must be counted
    assert missed <= 1  # of 31 a character: the code has 15 bits


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (PRINTED.replace("055P", "O55Q"), "line 1 is not what was printed"),
        (PRINTED.replace("  2  0C20", "  4  0C20"), "line 4 is not what was printed"),
        (PRINTED.replace("1M70", "1MU0"), "U is in no line that we print"),
        ("\n".join(PRINTED.splitlines()[:3]), "the last line, END, is missing"),
        ("\n".join([*PRINTED.splitlines()[:1], *PRINTED.splitlines()[2:]]), "line 2 is missing"),
        (PRINTED.replace("RTW7", "RTW8"), "not all of them together"),
        ("hello there", "begin with the number"),
    ],
)
def test_what_is_wrong_is_said(typed: str, said: str) -> None:
    with pytest.raises(paper.BadLine, match=said):
        paper.read(typed.splitlines())


def test_a_line_of_another_paper_is_known_in_the_end() -> None:
    mine, other = paper.lines(b"A" * 40), paper.lines(b"B" * 40)
    with pytest.raises(paper.BadLine, match="another paper"):
        paper.read([mine[0], other[1], *mine[2:]])


def test_a_paper_that_needs_a_passphrase_gives_the_key_with_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "COST", 2**4)
    private = people.Private.made()
    found = papers.read(paper.read(papers.sealed_key(private, SIGNER, "correct horse")))
    assert isinstance(found, papers.SealedKey)
    assert found.open("correct horse") == papers.Key(private, SIGNER)
    with pytest.raises(Untrusted, match="does not open with this passphrase"):
        found.open("Correct horse")


def test_a_share_is_read_back_and_other_papers_are_refused() -> None:
    share = papers.Share(b"12345678", 3, bytes(32))
    assert papers.read(paper.read(papers.share(share))) == share
    with pytest.raises(Untrusted, match="not one that this seawall knows"):
        papers.read(bytes([2]) + KEY[1:])
