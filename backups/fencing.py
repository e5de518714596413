"""The three witnesses of who may serve in a production host's name: its twin, and both of its backup servers.

An order counts once most of them have taken its epoch. The twin asks the others first and writes its own word last:
an order that found no majority leaves nothing behind that could be told to them later.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from backups import paths
from backups.repository import ssh
from backups.site import Site
from backups.vault.keeping import KEY
from effects import files
from effects.onhost import fence
from effects.onhost.fence import NOTHING, Held
from effects.run import attempt
from effects.talk import Talk
from estate.model import Host
from estate.problem import Failed, Problem, Refused

STATE = paths.STATE / "fence"  # the twin's own word, as the others keep theirs
ANSWER = 5.0  # seconds for one witness; a boot waits for it
TELL = 20.0
LATE = "not waited for"


@dataclass(frozen=True, slots=True)
class Word:
    """What one witness holds, why it refused an order, or why it could not be asked."""

    witness: str
    held: Held = NOTHING
    refused: str = ""
    silent: str = ""

    @property
    def said(self) -> str:
        """For people."""
        if self.silent == LATE:
            return f"{self.witness} was {LATE}"
        if self.silent:
            return f"{self.witness} does not answer ({self.silent})"
        if self.refused:
            return f"{self.witness} refuses: {self.refused}"
        if self.held == NOTHING:
            return f"{self.witness} knows of no order"
        return f"{self.witness}: epoch {self.held.epoch}, {self.held.holder} since {self.held.since}"


def quorum(witnesses: int) -> int:
    """How many make a majority: any two majorities have one witness in common."""
    return witnesses // 2 + 1


def others(site: Site, client: Host) -> tuple[Host, ...]:
    """The backup servers of a production host."""
    return tuple(site.estate.hosts[name] for name in dict.fromkeys(client.backup.values()))


def mine(client: Host) -> Held:
    """The twin's own word."""
    return fence.held(client.name, STATE)


def taken_over(client: Host) -> bool:
    """Whether this host, its twin, serves in its name; a moment's look, and no network."""
    return mine(client).holder not in ("", client.name)


def ask(site: Site, client: Host) -> tuple[Word, ...]:
    """What the backup servers hold of `client`, both asked at once; by its own account, or by its partner's."""
    user = f"stream-{client.name}" + ("" if client.name == site.host.name else "-ro")
    return _each(others(site, client), lambda server: _asked(server, user))


def _each(servers: Sequence[Host], look: Callable[[Host], Word]) -> tuple[Word, ...]:
    with ThreadPoolExecutor(max_workers=len(servers) or 1) as pool:
        return tuple(pool.map(look, servers))


def _asked(server: Host, user: str) -> Word:
    talk: Talk | None = None
    try:
        talk = Talk([*ssh(), "-p", str(server.ssh_port), f"{user}@{server.ipv4}", "stream"], what=server.name)
        talk.say(b"fence\n", limit=ANSWER)
        verdict, _, text = talk.line(limit=ANSWER).partition(" ")
        return Word(server.name, fence.parse(text)) if verdict == "ok" else Word(server.name, silent=text)
    except Problem as fault:
        return Word(server.name, silent=fault.what)
    except (ValueError, KeyError, TypeError):
        return Word(server.name, silent="its answer can't be read")
    finally:
        if talk is not None:
            talk.close()


def tell(site: Site, client: Host, wanted: Held) -> tuple[Word, ...]:
    """Have the backup servers take an epoch, both at once. Only the keeper's key may."""
    return _each(others(site, client), lambda server: _told(server, client, wanted))


def _most(site: Site, client: Host, wanted: Held) -> tuple[Word, ...]:
    """As `tell`, without waiting for who can't change the outcome any more: with a datacenter lost, that is seconds.

    This host's own word counts as given, for nothing is asked where it is not.
    """
    pool = ThreadPoolExecutor(max_workers=2)
    asked = {server.name: pool.submit(_told, server, client, wanted) for server in others(site, client)}
    try:
        for _ in as_completed(asked.values()):
            words = tuple(one.result() if one.done() else Word(name, silent=LATE) for name, one in asked.items())
            if agreed([Word(site.host.name, wanted), *words], wanted):
                break
        return words
    finally:
        pool.shutdown(wait=False)  # it is still told, and else by the look a minute later


def _told(server: Host, client: Host, wanted: Held) -> Word:
    door = ["-p", str(server.ssh_port), f"borg-{client.name}@{server.ipv4}"]
    verb = ["fence", str(wanted.epoch), wanted.seal, wanted.holder, wanted.since]
    try:
        said = attempt([*ssh(KEY), *door, *verb], timeout=TELL)
        if not said.ok:
            return Word(server.name, silent=said.said or "nothing was said")
        answer = json.loads(said.out)
        return Word(server.name, fence.parse(answer["held"]), refused=answer["refused"] or "")
    except Problem as fault:
        return Word(server.name, silent=fault.what)
    except (ValueError, KeyError, TypeError):
        return Word(server.name, silent="its answer can't be read; does it have this toolkit? seawall install")


def agreed(words: Sequence[Word], wanted: Held) -> bool:
    """Whether a majority of all witnesses holds exactly that order's epoch."""
    return sum(_same(word.held, wanted) for word in words) >= quorum(len(words))


def _same(known: Held, wanted: Held) -> bool:
    return (known.epoch, known.seal, known.holder) == (wanted.epoch, wanted.seal, wanted.holder)


def all_words(site: Site, client: Host) -> tuple[Word, ...]:
    """Of all three, as the twin has them: its own first."""
    return (Word(site.host.name, mine(client)), *ask(site, client))


def raise_to(site: Site, client: Host, wanted: Held) -> None:
    """Have a majority take `wanted`, the twin's own word last. Raises Refused, and then this host's word is as before.

    Killed in between, the next run says the same to all.
    """
    own = fence.refusal(mine(client), wanted) or ""
    words = () if own else _most(site, client, wanted)
    here = Word(site.host.name, mine(client) if own else wanted, refused=own)
    learn(client, [here, *words])
    if own or not agreed([here, *words], wanted):
        raise Refused(
            f"epoch {wanted.epoch} for {wanted.holder} finds no majority of the witnesses of {client.name}: "
            + "; ".join(word.said for word in (here, *words) if word.refused or word.silent),
            hint="another order came first: seawall drp status shows whose; or bring back who does not answer, then run"
            " the same command again (docs/fencing.md)",
        )
    _write(client, wanted, "; ".join(word.said for word in (here, *words)))


def taken(client: Host, wanted: Held) -> str | None:
    """Who took `wanted`, as this host was told; None before most of them have. Nobody is asked: no word goes down."""
    if not _same(mine(client), wanted):
        return None
    return (STATE / client.name / f"took.{wanted.epoch}").read_text(encoding="utf-8").strip()


def _write(client: Host, wanted: Held, took: str) -> None:
    (STATE / client.name).mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(STATE / client.name / f"took.{wanted.epoch}", f"{took}\n", mode=0o600)
    if why := fence.take(client.name, wanted, STATE):
        raise Failed(f"another order was quicker: {why}", hint="look at: seawall drp status")


def spread(site: Site, client: Host) -> tuple[Word, ...]:
    """Tell a witness that was away what this host holds; what each of them holds now. Nothing is lowered by it."""
    words = ask(site, client)
    learn(client, words)
    if any(not word.silent and word.held.epoch < mine(client).epoch for word in words):
        words = tell(site, client, mine(client))
    return words


def learn(client: Host, words: Sequence[Word]) -> None:
    """Remember the highest epoch that was ever heard of: a twin that was made anew must not begin below it.

    Only the number: one backup server alone must not be able to say who serves.
    """
    top = max((word.held.epoch for word in words), default=0)
    if top > heard(client):
        (STATE / client.name).mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(STATE / client.name / "heard", f"{top}\n", mode=0o600)


def heard(client: Host) -> int:
    """The highest epoch that this host ever heard of."""
    try:
        return int((STATE / client.name / "heard").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
