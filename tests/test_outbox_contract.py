"""What every receiver has in common, held against programs that behave, and misbehave, like the real ones."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_string
from email.policy import default
from pathlib import Path

import pytest
from people import DESKS, KINDS, People, message, people, tried_again

from drp.outbox.box import Outbox
from drp.outbox.delivery import deliver
from estate.channels import Security
from estate.problem import Failed, Problem, Unreachable, Untrusted

WRONG = {"glpi": "token", "zammad": "token", "gitlab": "token", "mail": "password"}


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("people")) as found:
        yield found


@pytest.fixture
def them(everybody: People) -> People:
    everybody.say("reset")
    return everybody


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.mark.parametrize("name", KINDS)
def test_a_message_arrives_once_however_often_it_is_sent(name: str, them: People, box: Outbox) -> None:
    assert them.times(name, message(1)) == 0  # so this test can fail
    for _ in range(1 if name == "mail" else 3):
        deliver(box, them.ways(name), name, message(1))
    assert them.times(name, message(1)) == 1
    assert "served from twin1 instead of web1" in them.heard(name)[0]


@pytest.mark.parametrize("name", DESKS)
def test_all_of_an_incident_is_one_ticket_and_another_incident_another(name: str, them: People, box: Outbox) -> None:
    for one in (message(1), message(2), message(3), message(1, "activate-07e2")):
        deliver(box, them.ways(name), name, one)
    first, second = them.tickets(name)
    assert [message(n).mark in text for n, text in ((2, first["more"][0]), (3, first["more"][1]))] == [True, True]
    assert message(1).thread_mark in first["title"]
    assert not second["more"]


@pytest.mark.parametrize("name", DESKS)
def test_a_ticket_whose_number_was_not_kept_is_found_by_its_mark(name: str, them: People, box: Outbox) -> None:
    for n in range(1, 6):
        deliver(Outbox(box.folder / str(n)), them.ways(name), name, message(n))  # each forgets what the last one knew
        deliver(Outbox(box.folder / f"{n} again"), them.ways(name), name, message(n, "activate-07e2"))
    assert [len(one["more"]) for one in them.tickets(name)] == [4, 4]


@pytest.mark.parametrize("name", DESKS)
def test_however_long_it_is_what_it_is_about_it_arrives(name: str, them: People, box: Outbox) -> None:
    long = replace(message(1), topic="ALARM " * 100, text="ALARM " * 5000)
    for _ in range(2):
        deliver(box, them.ways(name), name, long)
    assert them.times(name, long) == 1


@pytest.mark.parametrize("name", DESKS)
@pytest.mark.parametrize("how", ["close", "delete"])
def test_what_goes_on_after_a_ticket_was_closed_gets_its_own(name: str, how: str, them: People, box: Outbox) -> None:
    deliver(box, them.ways(name), name, message(1))
    them.say(how, of=name)
    for n in (2, 3, 2, 3):
        deliver(box, them.ways(name), name, message(n))
    assert [them.times(name, message(n)) for n in (1, 2, 3)] == [1, 1, 1]
    assert len(them.tickets(name)) == 2


@pytest.mark.parametrize("name", KINDS)
def test_an_answer_that_is_lost_is_asked_for_and_not_said_twice(name: str, them: People, box: Outbox) -> None:
    box.put(message(1))
    them.misbehave(name, "lost")
    with pytest.raises(Unreachable):
        deliver(box, them.ways(name), name, message(1))
    assert them.times(name, message(1)) == 1  # it was taken; nobody here knows
    assert box.evidence(name, message(1)) is None
    tried_again(box, them.ways(name), name)
    assert not box.waiting()
    if name != "mail":  # which can only be told that it is the same
        assert them.times(name, message(1)) == 1
    else:
        assert len({message_from_string(text)["Message-ID"] for text in them.heard("mail")}) == 1


@pytest.mark.parametrize("name", DESKS)
@pytest.mark.parametrize("fault", ["lost", "reset", "429", "500", "503", "html"])
def test_a_follow_up_survives_every_fault_as_well(name: str, fault: str, them: People, box: Outbox) -> None:
    deliver(box, them.ways(name), name, message(1))
    box.put(message(2))
    them.misbehave(name, fault, fault)
    for _ in range(3):
        tried_again(box, them.ways(name), name)
    assert [them.times(name, message(n)) for n in (1, 2)] == [1, 1]
    assert len(them.tickets(name)) == 1


@pytest.mark.parametrize("name", [*DESKS, "hook"])
@pytest.mark.parametrize("fault", ["reset", "429", "500", "503"])
def test_a_receiver_that_is_busy_or_broken_is_tried_again(name: str, fault: str, them: People, box: Outbox) -> None:
    box.put(message(1))
    them.misbehave(name, fault)
    tried_again(box, them.ways(name), name)
    trouble = box.trouble(name)
    assert trouble is not None
    assert trouble.after == (60 if fault == "429" else 0)
    assert box.waiting()
    tried_again(box, them.ways(name), name)
    assert not box.waiting()
    assert box.trouble(name) is None
    assert them.times(name, message(1)) == 1


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_secret_is_told_and_never_shown(name: str, them: People, box: Outbox) -> None:
    channel = them.channel(name, **{WRONG[name]: them.secret("wr0ng-secret")})
    ways = them.ways(name)
    with pytest.raises(Untrusted) as fault:
        deliver(box, type(ways)({name: channel}, ways.base, ways.trust), name, message(1))
    assert "wr0ng" not in str(fault.value)
    assert not them.heard(name)


@pytest.mark.parametrize("name", [*DESKS, "hook"])
def test_what_an_answer_repeats_of_a_secret_is_not_repeated_here(name: str, them: People, box: Outbox) -> None:
    box.put(message(1))
    them.misbehave(name, "400")  # it repeats the header with the token
    tried_again(box, them.ways(name), name)
    found = [one.error for one in (box.trouble(name), box.trouble(name, message(1))) if one is not None]
    assert len(found) == 1
    assert "400 as ordered" in found[0]
    assert "t0ken" not in found[0]
    assert "5ecret" not in found[0]


@pytest.mark.parametrize("name", KINDS)
def test_whom_nobody_trusts_is_told_nothing(name: str, them: People, box: Outbox) -> None:
    ways = them.ways(name)
    with pytest.raises(Untrusted, match="certificate"):
        deliver(box, type(ways)(ways.channels, ways.base), name, message(1))
    assert not them.heard(name)


def test_one_message_that_is_refused_keeps_none_of_the_others(them: People, box: Outbox) -> None:
    for n in (1, 2):
        box.put(message(n))
    them.misbehave("mail", "554")
    tried_again(box, them.ways("mail"), "mail")
    assert [them.times("mail", message(n)) for n in (1, 2)] == [0, 1]
    assert "554 5.7.1" in str(box.trouble("mail", message(1)))


def test_letters_of_an_incident_are_one_conversation(them: People, box: Outbox) -> None:
    for n in (1, 2, 3):
        box.put(message(n))
    tried_again(box, them.ways("mail"), "mail")
    first, *more = [message_from_string(text, policy=default) for text in them.heard("mail")]
    assert first["References"] is None
    assert {one["In-Reply-To"] for one in more} == {first["Message-ID"]}
    assert {one["References"] for one in more} == {first["Message-ID"]}
    assert first["Subject"] == "site1.example: served from twin1 instead of web1"
    assert first["Auto-Submitted"] == "auto-generated"


def test_who_has_a_letter_does_not_get_it_again_because_another_address_is_gone(them: People, box: Outbox) -> None:
    ways = them.ways("mail")
    both = type(ways)({"mail": them.channel("mail", to=("gone@example.com", "ops@example.com"))}, ways.base, ways.trust)
    box.put(message(1, text="späte Nachricht ✓"))
    for _ in range(3):
        tried_again(box, both, "mail")
    heard = them.say("seen")["heard"]["mail"]
    assert [one["to"] for one in heard] == [["ops@example.com"]]
    assert "späte Nachricht ✓" in message_from_string(heard[0]["text"], policy=default).get_content()
    assert "gone@example.com: 550" in str(box.trouble("mail", message(1)))


def test_a_password_is_not_sent_in_the_open(them: People, box: Outbox) -> None:
    ways = them.ways("mail")
    bare = type(ways)({"mail": them.channel("mail", security=Security.NONE)}, ways.base, ways.trust)
    with pytest.raises(Untrusted):
        deliver(box, bare, "mail", message(1))


def test_a_webhook_can_tell_who_calls_and_whether_it_has_heard_it(them: People, box: Outbox) -> None:
    for _ in range(2):
        deliver(box, them.ways("hook"), "hook", message(1))
    (heard,) = them.say("seen")["heard"]["hook"]
    assert heard["key"] == message(1).mark == json.loads(heard["body"])["id"]
    signed = hmac.new(b"hmac-key", heard["body"].encode(), hashlib.sha256).hexdigest()
    assert heard["signature"] == f"sha256={signed}"
    assert heard["asked"] == {"token": ["5ecret"]}


def test_an_address_that_anybody_could_read_is_not_called(them: People, box: Outbox) -> None:
    ways = them.ways("hook")
    plain = them.channel("hook", address=them.secret("http://localhost/5ecret"))
    with pytest.raises(Problem) as fault:
        deliver(box, type(ways)({"hook": plain}, ways.base, ways.trust), "hook", message(1))
    assert "5ecret" not in str(fault.value)


def test_glpi_is_left_as_it_was_entered(them: People, box: Outbox) -> None:
    deliver(box, them.ways("glpi"), "glpi", message(1, text="<script> & more\nsecond line"))
    assert them.say("seen")["sessions"] == 0
    assert "&lt;script&gt; &amp; more<br>" in them.heard("glpi")[0]


def test_no_line_of_a_message_is_an_order_to_gitlab(them: People, box: Outbox) -> None:
    deliver(box, them.ways("gitlab"), "gitlab", message(1, text="title\n```\n/close\n@all"))
    text = them.heard("gitlab")[0]
    assert text.startswith("```text\n")
    assert text.count("```") == 2


def test_a_group_that_is_not_there_is_told_in_its_words(them: People, box: Outbox) -> None:
    ways = them.ways("zammad")
    other = type(ways)({"zammad": them.channel("zammad", group="Suport")}, ways.base, ways.trust)
    with pytest.raises(Failed, match="No lookup value found for 'group'"):
        deliver(box, other, "zammad", message(1))
