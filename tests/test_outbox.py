"""What waits in the outbox, when it is tried again, and that one channel never waits for another."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from people import T0, People, message, people

from drp.outbox import look, sender
from drp.outbox.box import Outbox
from drp.outbox.delivery import Ways
from drp.outbox.pauses import ASKED, LONGEST, Trouble
from effects.clock import wait_until
from effects.forked import Child
from estate.channels import Apprise, Channel, Command, File
from estate.problem import Failed, Missing, Refused
from estate.secret import Secret

APPRISE = """#!/bin/sh
[ -e {folder}/broken ] && exit 1
{{ cat "${{1#--config=}}"; echo "$2"; cat; }} > {folder}/told
"""
LATE = Failed("it never came", hint="look at the sender")
instants = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(tries=st.integers(1, 10_000), after=st.floats(0, 1e9))
def test_pauses_grow_and_are_never_longer_than_minutes(tries: int, after: float) -> None:
    now = Trouble(tries, T0, "", after)
    assert timedelta(seconds=2) <= now.pause <= timedelta(seconds=max(LONGEST, ASKED))
    assert now.pause <= now.again(T0, "", after).pause
    assert now.pause >= timedelta(seconds=min(after, ASKED))
    if not after:
        assert now.pause <= timedelta(minutes=5)


@given(tried=instants, now=instants, tries=st.integers(1, 50), after=st.floats(0, 1e6))
def test_no_clock_however_it_is_set_makes_anybody_wait_longer(
    tried: datetime, now: datetime, tries: int, after: float
) -> None:
    trouble = Trouble(tries, tried, "", after)
    assert trouble.over(now + trouble.pause) or now < tried  # from any instant on, a pause later at the latest
    assert trouble.over(tried - timedelta(microseconds=1))
    assert not trouble.over(tried)


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def ways(**channels: Channel) -> Ways:
    return Ways(channels, Path("/"))


def test_what_was_said_stays_as_it_was_said(box: Outbox) -> None:
    box.put(message(1))
    box.put(replace(message(1), text="other words"))
    assert box.waiting() == (message(1),)
    box.told("log", message(1), "in /log")
    box.settle(["log"])
    box.put(message(1))  # a step that is done again
    assert not box.waiting()
    assert box.has(message(1).key)


def test_messages_wait_in_their_order_and_know_which_opened_the_incident(box: Outbox) -> None:
    for n in (3, 1, 2):
        box.put(message(n))
    box.put(message(4, "another"))
    assert [one.at.second for one in box.waiting()] == [1, 2, 3, 4]
    openings = {one.at.second: one.opening for one in box.waiting()}
    assert openings[3] == ""
    assert openings[1] == message(3).key
    assert openings[4] == ""


def test_it_waits_until_every_channel_has_it(box: Outbox) -> None:
    box.put(message(1))
    box.settle([])  # nobody to tell is not everybody told
    box.told("log", message(1), "in /log")
    box.settle(["log", "mail"])
    assert box.waiting()
    box.told("mail", message(1), "taken")
    box.settle(["log", "mail"])
    assert not box.waiting()


@pytest.mark.parametrize("key", ["credential x due 2026-01-01 in 7 days", "../../etc/passwd", "a" * 300, "", "é✓"])
def test_whatever_a_message_is_called_it_has_a_file_of_its_own(key: str, box: Outbox) -> None:
    box.put(replace(message(1), key=key))
    (path,) = (box.folder / "waiting").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert box.has(key)
    assert not box.has(f"{key}.")


def test_a_file_and_a_command_are_told(box: Outbox, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = f'{{ echo "$SEAWALL_KEY $SEAWALL_THREAD"; cat; }} >> {out}'
    box.put(message(1))
    sender.run(box, ways(log=File(str(tmp_path / "new" / "log")), call=Command(("sh", "-c", script))))
    assert (tmp_path / "new" / "log").read_text(encoding="utf-8") == f"{message(1).text}\n\n"
    assert out.read_text(encoding="utf-8") == f"{message(1).mark} {message(1).thread_mark}\n{message(1).text}"
    assert not box.waiting()


def test_what_stands_in_the_file_is_not_written_again(box: Outbox, tmp_path: Path) -> None:
    for n in (1, 1, 2):
        again = Outbox(tmp_path / str(len(list(tmp_path.iterdir()))))  # one that died before it noted anything
        again.put(message(n))
        sender.run(again, ways(log=File(str(tmp_path / "log"))))
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert [text.count(message(n).text) for n in (1, 2)] == [1, 1]


def test_what_fails_is_told_when_it_is_tried_again(box: Outbox, tmp_path: Path) -> None:
    known = ways(call=Command(("sh", "-c", f"test -e {tmp_path}/open")))
    box.put(message(1))
    sender.run(box, known, once=True)
    (row,) = look.untold(box, known.channels)
    assert row["tries"] == 1
    assert row["error"].startswith("sh ")
    assert row["next"] > row["tried"]
    assert sender.due(box, "call") == ()  # not at once
    (tmp_path / "open").touch()
    assert look.again(box, known.channels) == 1
    sender.run(box, known, once=True)
    assert look.untold(box, known.channels) == []


def test_a_message_can_be_given_up_and_that_is_kept(box: Outbox, tmp_path: Path) -> None:
    known = ways(call=Command(("false",)), log=File(str(tmp_path / "log")))
    box.put(message(1))
    sender.run(box, known, once=True)
    with pytest.raises(Missing, match="no-such"):
        look.give_up(box, known.channels, "no-such", "given up by alice")
    assert look.give_up(box, known.channels, message(1).key, "given up by alice") == ["call"]
    assert not box.waiting()
    told = {row["channel"]: row["told"] for row in look.everything(box, known.channels)}
    assert told == {"call": "given up by alice", "log": f"in {tmp_path}/log"}


def test_two_senders_do_not_tell_the_same(box: Outbox, tmp_path: Path) -> None:
    box.put(message(1))
    known = ways(
        call=Command(("sh", "-c", f"touch {tmp_path}/busy; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"))
    )
    first = Child(lambda: sender.run(box, known), limit=60)
    wait_until((tmp_path / "busy").exists, timeout=30, late=LATE)
    with pytest.raises(Refused):
        sender.run(box, known)
    (tmp_path / "go").touch()
    wait_until(lambda: first.code is not None, timeout=30, late=LATE)
    assert first.code == 0
    assert not box.waiting()


def test_a_sender_that_dies_takes_those_along_who_work_for_it_and_lets_the_next_one_in(
    box: Outbox, tmp_path: Path
) -> None:
    box.put(message(1))
    wait = f"echo $PPID > {tmp_path}/child.stage; mv {tmp_path}/child.stage {tmp_path}/child"
    wait += f"; while [ -d {tmp_path} ] && [ ! -e {tmp_path}/over ]; do sleep 0.1; done"
    code = (
        "import sys; from pathlib import Path\nfrom drp.outbox import sender\nfrom drp.outbox.box import Outbox\n"
        "from drp.outbox.delivery import Ways\nfrom estate.channels import Command\n"
        "sender.run(Outbox(Path(sys.argv[1])), Ways({'call': Command(('sh', '-c', sys.argv[2]))}, Path('/')))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(box.folder), wait]) as program:
        wait_until((tmp_path / "child").exists, timeout=60, late=LATE)
        program.kill()
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not Path(f"/proc/{child}").exists(), timeout=30, late=LATE)
    sender.run(box, ways(call=Command(("touch", f"{tmp_path}/over"))))
    assert not box.waiting()


@pytest.fixture
def them(tmp_path: Path) -> Iterator[People]:
    with people(tmp_path) as found:
        yield found


@pytest.mark.parametrize("name", ["gitlab", "mail"])
def test_a_channel_that_hangs_holds_up_no_other(
    name: str, them: People, box: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "LIMIT", 4.0)
    them.misbehave(name, "hang")
    log = tmp_path / "log"
    known = Ways({**them.ways(name, "zammad").channels, "log": File(str(log))}, tmp_path, them.trust)
    box.put(message(1))
    work = Child(lambda: sender.run(box, known, once=True), limit=60)
    wait_until(lambda: box.evidence("zammad", message(1)) is not None and log.exists(), timeout=30, late=LATE)
    assert box.evidence(name, message(1)) is None  # it hangs still, or was ended
    wait_until(lambda: work.code is not None, timeout=30, late=LATE)
    trouble = box.trouble(name)
    assert trouble is not None
    assert trouble.error == "no end within 4 s"


def test_a_child_ends_when_its_time_is_up_and_says_how_it_ended() -> None:
    ends, breaks, hangs = (
        Child(lambda: None, limit=60),
        Child(lambda: os._exit(3), limit=60),
        Child(signal.pause, limit=0),
    )
    for child in (ends, breaks, hangs):
        wait_until(lambda child=child: child.code is not None, timeout=30, late=LATE)  # type: ignore[misc]
    assert [child.code for child in (ends, breaks, hangs)] == [0, 3, -signal.SIGKILL]


def test_apprise_reads_its_urls_itself(box: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "apprise"
    program.write_text(APPRISE.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "urls").touch(mode=0o600)
    (tmp_path / "urls").write_text("json://people/token\n")
    known = ways(chat=Apprise(Secret(file=str(tmp_path / "urls"))))
    box.put(message(1))
    (tmp_path / "broken").touch()
    sender.run(box, known, once=True)
    assert look.untold(box, known.channels)[0]["error"] == "apprise ended with 1"
    (tmp_path / "broken").unlink()
    look.again(box, known.channels)
    sender.run(box, known)
    told = (tmp_path / "told").read_text()
    assert told.startswith(f"json://people/token\n--title={message(1).title}\n")
    json.dumps(look.everything(box, known.channels), default=str)
