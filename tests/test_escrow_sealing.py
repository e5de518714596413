"""Two of three open what was sealed to them; nobody else does, and nothing in it can be changed unseen."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backups.escrow import coding, people, sealing
from estate.problem import BadEstate, Refused, Untrusted

ALICE, BOB, CAROL, MALLORY = (people.Private(bytes([n]) * 32) for n in range(1, 5))
PEOPLE = {"alice": ALICE.public, "bob": BOB.public, "carol": CAROL.public}
OURS = Ed25519PrivateKey.from_private_bytes(bytes(32))
MADE = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
PAYLOAD = {"passphrases": {"web1": "correct horse"}, "files": {"estate.toml": "schön"}}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "COST", 2**4)


def head(needed: int = 2, **recipients: str) -> sealing.Head:
    return sealing.Head(
        "lab", 7, MADE, needed, recipients or PEOPLE, ("abc",), "f00d", OURS.public_key().public_bytes_raw()
    )


def shares(sealed: sealing.Sealed, *keys: people.Private) -> dict[int, bytes]:
    return {number: share for _, number, share in map(sealed.share_of, keys)}


@pytest.mark.parametrize("two", [(ALICE, BOB), (CAROL, ALICE), (BOB, CAROL), (ALICE, BOB, CAROL)])
def test_enough_people_open_it(two: tuple[people.Private, ...]) -> None:
    sealed = sealing.parse(sealing.seal(head(), PAYLOAD, OURS))
    assert sealed.head == head()
    assert sealed.open_with(shares(sealed, *two)) == PAYLOAD


def test_one_person_alone_opens_nothing() -> None:
    sealed = sealing.parse(sealing.seal(head(), PAYLOAD, OURS))
    with pytest.raises(Refused, match="one person alone can't open this: it takes 2 of alice, bob, carol"):
        sealed.open_with(shares(sealed, ALICE))


def test_an_old_key_is_told_whom_it_is_sealed_to_now() -> None:
    sealed = sealing.parse(sealing.seal(head(), PAYLOAD, OURS))
    with pytest.raises(Untrusted, match=f"not sealed to the key .*: it is sealed to alice {ALICE.public[:16]}"):
        sealed.share_of(MALLORY)


def test_a_file_says_nothing_of_what_is_in_it() -> None:
    content = sealing.seal(head(), PAYLOAD, OURS, "a passphrase")
    assert not [word for word in ("horse", "web1", "a passphrase", ALICE.secret.hex()) if word in content]


def test_the_passphrase_is_another_way_in() -> None:
    sealed = sealing.parse(sealing.seal(head(needed=1, alice=ALICE.public), PAYLOAD, OURS, "correct horse"))
    assert sealed.open_by("correct horse") == PAYLOAD
    assert sealed.open_with(shares(sealed, ALICE)) == PAYLOAD
    with pytest.raises(Untrusted, match="does not open with this passphrase"):
        sealed.open_by("Correct horse")


def test_without_one_a_passphrase_opens_nothing() -> None:
    with pytest.raises(Refused, match="sealed to people"):
        sealing.parse(sealing.seal(head(), PAYLOAD, OURS)).open_by("correct horse")


def changed(content: str, change: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(content)
    change(document)
    return json.dumps(document)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "the number": lambda d: d["head"].update(number=8),
    "how many are needed": lambda d: d["head"].update(needed=1),
    "a recipient": lambda d: d["head"]["recipients"][2].update(key=MALLORY.public),
    "a further word": lambda d: d["head"].update(more=1),
    "the keys": lambda d: d["head"].update(keys=[]),
    "a share": lambda d: d["shares"].update(bob=d["shares"]["alice"]),
    "no share": lambda d: d["shares"].pop("bob"),
    "the payload": lambda d: d.update(payload=d["payload"][:-8] + "AAAAAAA="),
    "no payload": lambda d: d.update(payload=""),
    "the signature": lambda d: d.update(signature=d["shares"]["bob"]),
    "the signer": lambda d: d["head"].update(signer="AAAA"),
    "the letter": lambda d: d.update({"read me": "send it to mallory"}),
    "no base64": lambda d: d.update(payload="!"),
    "no head": lambda d: d.pop("head"),
    "a later version": lambda d: d["head"].update(version=2),
}


@pytest.mark.parametrize("what", CHANGES)
def test_no_change_goes_unseen(what: str) -> None:
    content = changed(sealing.seal(head(), PAYLOAD, OURS), CHANGES[what])
    with pytest.raises(Untrusted, match=r"changed or damaged|later version"):
        (sealed := sealing.parse(content)).open_with(shares(sealed, ALICE, BOB))


@pytest.mark.parametrize("what", sorted(CHANGES.keys() - {"the signature", "the letter", "no share", "a share"}))
def test_not_even_by_whoever_can_sign_as_we_do(what: str) -> None:
    """The people's shares and the payload are bound to the head by themselves."""
    document = json.loads(changed(sealing.seal(head(), PAYLOAD, OURS), CHANGES[what]))
    document["signature"] = coding.text(OURS.sign(sealing.signed(document)))
    with pytest.raises(Untrusted, match=r"changed or damaged|later version"):
        (sealed := sealing.parse(json.dumps(document))).open_with(shares(sealed, ALICE, BOB))


def test_shares_and_payload_are_bound_to_the_head_each_by_itself() -> None:
    genuine = sealing.parse(content := sealing.seal(head(), PAYLOAD, OURS))
    document = json.loads(changed(content, CHANGES["the number"]))
    document["signature"] = coding.text(OURS.sign(sealing.signed(document)))
    other = sealing.parse(json.dumps(document))
    with pytest.raises(Untrusted, match="share of alice does not open"):
        other.share_of(ALICE)
    with pytest.raises(Untrusted, match="what is in it does not open"):
        other.open_with(shares(genuine, ALICE, BOB))


def test_a_share_of_another_file_opens_nothing() -> None:
    one, other = (sealing.parse(sealing.seal(head(), PAYLOAD, OURS)) for _ in range(2))
    with pytest.raises(Untrusted, match="a share was wrong"):
        one.open_with(shares(one, ALICE) | shares(other, BOB))


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"head": []}', '{"head": {"format": 1}}', "BORG_KEY ab"])
def test_what_is_no_sealed_file_is_refused(content: str) -> None:
    with pytest.raises(Untrusted, match="no sealed file"):
        sealing.parse(content)


def test_a_mistyped_recipient_is_refused_before_anything_is_sealed() -> None:
    assert people.recipient(ALICE.public).public_bytes_raw() == ALICE.key.public_key().public_bytes_raw()
    for wrong in (
        ALICE.public[:-1],
        ALICE.public.replace("seawall1", ""),
        ALICE.public[:20] + "zz" + ALICE.public[22:],
    ):
        with pytest.raises(BadEstate, match="no public key, or was mistyped"):
            sealing.seal(head(needed=1, alice=wrong), PAYLOAD, OURS)


def test_a_key_file_opens_with_its_passphrase_and_unchanged_alone() -> None:
    content = people.key_file("alice", ALICE, "correct horse")
    assert people.public_of(content) == ("alice", ALICE.public)
    assert people.open_key_file(content, "correct horse") == ALICE
    assert ALICE.secret.hex() not in content + repr(ALICE)
    with pytest.raises(Untrusted, match="does not open with this passphrase"):
        people.open_key_file(content, "another")
    with pytest.raises(Untrusted, match="does not open"):
        people.open_key_file(content.replace('"alice"', '"mallory"'), "correct horse")
    for wrong in ("", "[]", "{}", content[:50], changed(content, lambda d: d["private"].update(n=2**40))):
        with pytest.raises(Untrusted, match="no key file"):
            people.open_key_file(wrong, "correct horse")
