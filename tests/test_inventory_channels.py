"""By what people are told: faults are told, secrets are kept apart, and only who tells gets them."""

import json
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest

from estate.channels import KINDS, Command, Email, File, Glpi, Security
from estate.problem import BadEstate
from estate.secret import Secret
from inventory import load, secrets_for, slice_for
from inventory.raw_channels import RawChannel
from inventory.references import references
from inventory.render import plain

EXAMPLE = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
TICKETS = 'tickets = { file = "/var/lib/seawall/tickets.log" }'
MAIL = """
[drp.channels.oncall]
kind = "email"
server = "mail.example.net"
sender = "seawall@example.net"
to = ["oncall@example.net", "boss@example.net"]
user = "seawall"
password = { env = "MAIL" }
"""
OTHERS = """
[drp.channels.desk]
kind = "glpi"
url = "https://glpi.example.net/apirest.php/"
token = { file = "secrets/glpi" }
[drp.channels.zammad]
kind = "zammad"
url = "https://zammad.example.net"
token = { file = "secrets/zammad" }
group = "Support"
customer = "oncall@example.net"
[drp.channels.gitlab]
kind = "gitlab"
url = "https://gitlab.example.net"
token = { file = "secrets/gitlab" }
project = "ops/incidents"
[drp.channels.hook]
kind = "webhook"
address = { file = "secrets/hook" }
[drp.channels.chat]
kind = "apprise"
address = { file = "secrets/chat" }
"""
NAMES = ["channel.oncall.password", "channel.desk.token", "channel.zammad.token", "channel.gitlab.token",
         "channel.hook.address", "channel.chat.address"]  # fmt: skip


def written(folder: Path, channels: str, *, example: str = EXAMPLE) -> Path:
    path = folder / "estate.toml"
    path.write_text(example + channels, encoding="utf-8")
    return path


def test_channels_are_read_written_and_read_again(tmp_path: Path) -> None:
    estate = load(written(tmp_path, MAIL + OTHERS))
    mail = estate.drp.channels["oncall"]
    assert isinstance(mail, Email)
    assert (mail.port, mail.security, mail.to) == (587, Security.STARTTLS, ("oncall@example.net", "boss@example.net"))
    desk = estate.drp.channels["desk"]
    assert desk == Glpi("https://glpi.example.net/apirest.php", Secret(file="secrets/glpi"))
    again = tmp_path / "again.json"
    again.write_text(json.dumps(plain(estate)), encoding="utf-8")
    assert load(again) == estate
    assert "drp.channels.oncall.password" in references(estate)


def test_tickets_are_one_more_channel(tmp_path: Path) -> None:
    ways = load(written(tmp_path, MAIL)).drp.ways
    assert list(ways) == ["tickets", "oncall"]
    assert ways["tickets"] == File("/var/lib/seawall/tickets.log")
    command = EXAMPLE.replace(TICKETS, 'tickets = { command = ["tee", "/log"] }')
    assert load(written(tmp_path, "", example=command)).drp.ways == {"tickets": Command(("tee", "/log"))}


def test_only_a_twin_gets_the_secrets_of_channels(tmp_path: Path) -> None:
    path = written(tmp_path, MAIL + OTHERS)
    twins = secrets_for(path, "twin1")
    assert [name for name in twins if name.startswith("channel.")] == NAMES
    assert twins["channel.oncall.password"] == Secret(env="MAIL")
    part = json.loads(slice_for(path, "twin1"))["drp"]["channels"]
    assert part["oncall"]["password"] == {"file": "/etc/seawall/secrets/channel.oncall.password"}
    for host in ("web1", "vault-even", "ns1"):
        assert not any(name.startswith("channel.") for name in secrets_for(path, host))
        assert "channels" not in json.loads(slice_for(path, host))["drp"]
        assert "oncall@" not in slice_for(path, host)


def test_channels_alone_are_enough_on_every_host(tmp_path: Path) -> None:
    path = written(tmp_path, MAIL, example=EXAMPLE.replace(TICKETS, ""))
    for host in ("twin1", "web1", "vault-even"):
        there = tmp_path / f"{host}.json"
        there.write_text(slice_for(path, host), encoding="utf-8")
        assert set(load(there).drp.ways) == ({"oncall"} if host == "twin1" else set())


def test_an_estate_in_which_nobody_is_told_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadEstate, match=r"drp\.tickets: is missing; add it, or a channel"):
        load(written(tmp_path, "", example=EXAMPLE.replace(TICKETS, "")))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('kind = "email"', 'kind = "pigeon"', "kind: must be one of"),
        ('kind = "email"', "", "kind: is missing"),
        ('server = "mail.example.net"', "", "server: is missing; add it"),
        ('sender = "seawall@example.net"', 'sender = "Seawall"', 'sender: "Seawall" is no e-mail address'),
        ('"boss@example.net"]', '"boss@example.net\\nBcc: all@example.net"]', "is no e-mail address"),
        ('user = "seawall"', "", "user: is missing"),
        ('password = { env = "MAIL" }', "", "password: is missing"),
        ('password = { env = "MAIL" }', 'password = "hunter2"', "a secret must not stand in this file"),
        ('user = "seawall"', 'user = "seawall"\nsecurity = "none"', "would let others read the password"),
        ('user = "seawall"', 'user = "seawall"\nport = 70000', "must be at most 65535"),
        ('user = "seawall"', 'user = "seawall"\nproject = "a"', "a channel of kind email has no such setting"),
        ("[drp.channels.oncall]", "[drp.channels.tickets]", "is what [drp] tickets is called by"),
        ('url = "https://glpi.example.net/apirest.php/"', 'url = "http://glpi.example.net"', "must be like https://"),
        (
            'url = "https://zammad.example.net"',
            'url = "https://me:hunter2@zammad.example.net"',
            "must be like https://",
        ),
        ('project = "ops/incidents"', "", "project: is missing"),
        ('address = { file = "secrets/hook" }', "", "address: is missing"),
    ],
)
def test_each_fault_of_a_channel_is_told_at_its_line(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    text = MAIL + OTHERS
    assert right in text
    with pytest.raises(BadEstate) as fault:
        load(written(tmp_path, text.replace(right, wrong, 1)))
    (line,) = [one for one in fault.value.what.splitlines() if one.startswith("estate.toml:")]
    assert said in line
    assert int(line.split(":")[1]) > EXAMPLE.count("\n")


def test_whatever_a_kind_may_be_set_to_can_be_written() -> None:
    known = set(RawChannel.model_fields)
    for kind in KINDS.values():
        assert {one.name for one in fields(kind)} <= known
