"""What the firewall and fail2ban are given, before any host is touched."""

import re
from collections.abc import Sequence
from typing import cast

import pytest

from estate.model import Role, Runtime
from estate.web import Web
from inventory.data import Door, Opening, VhostData
from inventory.policy_words import network
from playbooks.fail2ban import FAMILIES, Jail, jails_for
from playbooks.firewall import CHAINS, SETS, networks, only_control, rules

CONTROL = ("10.0.0.1", "fd00::1")
LONGEST_SET = 31  # characters of a set's name, ipset(8)


def an_opening(port: int, *sources: str, protocol: str = "tcp") -> Opening:
    return Opening(protocol=protocol, port=port, sources=list(sources))


def text_of(family: int, *openings: Opening, mailers: Sequence[int] = ()) -> str:
    vaults = [Door(address=address, port=2200) for address in ("10.0.3.1", "fd00:3::1")]
    return rules(openings, family, control=CONTROL, port=2222, vaults=vaults, mailers=mailers)


def a_vhost(runtime: Runtime) -> VhostData:
    return cast("VhostData", {"domain": "shop.example", "runtime": runtime.value})  # all that is read


def names(jails: Sequence[Jail]) -> set[str]:
    return {jail.name for jail in jails}


def test_rules_of_a_family_name_addresses_of_that_family_alone() -> None:
    ssh = an_opening(2222, *CONTROL, "10.0.1.1", "fd00:1::1")
    assert "fd00:1" not in text_of(4, ssh)
    assert "10.0" not in text_of(6, ssh)
    assert "-A SEAWALL-OPEN -s 10.0.1.1 -p tcp --dport 2222 -j ACCEPT" in text_of(4, ssh)


def test_an_opening_for_addresses_of_the_other_family_is_not_an_opening_for_everybody() -> None:
    let_in = re.findall(r"(?m)^.*--dport 2222.* ACCEPT$", text_of(4, an_opening(2222, "fd00:1::1")))
    assert let_in == ["-A SEAWALL -s 10.0.0.1 -p tcp --dport 2222 -j ACCEPT"]
    only_six = only_control(4, control=["fd00::1"], port=2222)
    assert not re.search("2222.*ACCEPT", only_six)
    assert "-A SEAWALL -j DROP" in only_six


@pytest.mark.parametrize("family", [4, 6])
def test_rules_drop_by_default_and_declare_only_the_own_chains(family: int) -> None:
    for text in (text_of(family), only_control(family, control=CONTROL, port=2222)):
        chains = re.findall(r"^:(\S+) (\S+)", text, re.MULTILINE)
        built_in = [("INPUT", "DROP"), ("FORWARD", "DROP"), ("OUTPUT", "ACCEPT")]
        assert chains == [*built_in, *((chain, "-") for chain in CHAINS)]
        assert text.endswith("COMMIT\n")


@pytest.mark.parametrize("family", [4, 6])
def test_control_is_let_in_before_anything_is_blocked_banned_or_limited(family: int) -> None:
    text = text_of(family)
    control = text.index(f"-A SEAWALL -s {CONTROL[family == 6]} -p tcp --dport 2222 -j ACCEPT")
    for later in ("seawall-allow", "seawall-block", "seawall-bans", "--ctstate INVALID", "-j SEAWALL-LIMIT"):
        assert control < text.index(later)


@pytest.mark.parametrize("family", [4, 6])
def test_who_is_allowed_is_met_before_the_blocked_the_banned_and_the_limits(family: int) -> None:
    text = text_of(family)
    places = [text.index(f"-A SEAWALL {what}") for what in (
        f"-m set --match-set seawall-allow{family}", f"-m set --match-set seawall-block{family}",
        "-m set --match-set seawall-bans", "-j SEAWALL-LIMIT", "-j SEAWALL-OPEN", "-j SEAWALL-DROP")]  # fmt: skip
    assert places == sorted(places)


def test_a_service_over_udp_is_limited_as_well() -> None:
    assert "-p udp --dport 53 -m hashlimit" in text_of(4, an_opening(53, protocol="udp"))
    assert "-p udp --dport 53 -m hashlimit" not in text_of(4, an_opening(53))


def test_ssh_has_a_limit_of_its_own_only_where_it_is_open_to_everybody() -> None:
    limit = "--dport 2222 -m hashlimit"
    assert limit in text_of(4, an_opening(2222))
    assert limit not in text_of(4, an_opening(2222, "10.0.1.1"))


@pytest.mark.parametrize(("family", "network"), [(4, 24), (6, 48)])
def test_ssh_is_limited_by_network_and_for_all_together_once_control_is_in(family: int, network: int) -> None:
    text = text_of(family, an_opening(2222))
    assert f"--hashlimit-srcmask {network} --hashlimit-above 15/min" in text
    assert "--dport 2222 -m hashlimit --hashlimit-name seawall-allssh --hashlimit-above" in text  # no mode: all alike
    control = text.index(f"-A SEAWALL -s {CONTROL[family == 6]} -p tcp --dport 2222 -j ACCEPT")
    assert control < text.index("-A SEAWALL -j SEAWALL-LIMIT")


@pytest.mark.parametrize(("family", "vault"), [(4, "10.0.3.1"), (6, "fd00:3::1")])
def test_nobody_but_root_talks_to_ssh_from_inside_or_to_a_backup_server(family: int, vault: str) -> None:
    refused = "-m owner ! --uid-owner 0 -j REJECT --reject-with tcp-reset\n"
    local = f"-A SEAWALL-OUTPUT -o lo -p tcp --syn --dport 2222 {refused}"
    text = text_of(family)
    assert text.index(local) < text.index("-A SEAWALL-OUTPUT -o lo -j ACCEPT")
    assert local in only_control(family, control=CONTROL, port=2222)
    assert re.findall(rf"-d (\S+) -p tcp --syn --dport 2200 {re.escape(refused)}", text) == [vault]


def test_mail_leaves_as_root_and_as_a_mail_server_alone() -> None:
    senders = re.findall(r"--dport 25 -m owner --uid-owner (\d+) -j ACCEPT", text_of(4, mailers=[101]))
    assert senders == ["0", "101"]


def test_networks_go_into_the_set_of_their_family() -> None:
    lines = networks(["192.0.2.0/24", "2001:db8::/48"], ["198.51.100.7"]).splitlines()[1:]
    assert lines == ["add seawall-allow4 192.0.2.0/24", "add seawall-allow6 2001:db8::/48",
                     "add seawall-block4 198.51.100.7"]  # fmt: skip
    assert {line.split()[1] for line in lines} <= set(SETS)


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_everybody_is_no_network_to_allow_or_to_block(everybody: str) -> None:
    assert network("8000::/1") == "8000::/1"
    with pytest.raises(ValueError, match="is everybody"):
        network(everybody)


def test_jails_watch_what_the_host_serves_and_nothing_else() -> None:
    assert names(jails_for(Role.DNS, [an_opening(53)], [])) == {"sshd", "recidive"}
    web = names(jails_for(Role.PRODUCTION, [an_opening(443)], [a_vhost(Runtime.STATIC)]))
    assert web == {"sshd", "recidive", "nginx-http-auth", "nginx-botsearch", "nginx-bad-request", "nginx-limit-req",
                   "seawall-scan", "seawall-login"}  # fmt: skip
    assert "seawall-xmlrpc" in names(jails_for(Role.DRP, [], [a_vhost(Runtime.PHP)]))
    assert names(jails_for(Role.BASTION, [an_opening(port) for port in (587, 993)], [])) >= {"postfix", "dovecot"}


def test_a_backup_server_does_not_ban_a_host_whose_connection_ends_early() -> None:
    mode = {role: jails_for(role, [], [])[0].settings["mode"] for role in Role}
    assert mode == {role: "normal" if role is Role.BACKUP else "aggressive" for role in Role}


@pytest.mark.parametrize("web", Web)
def test_no_jail_reads_what_an_application_can_write_into(web: Web) -> None:
    """An application's words stand in error logs; in the journal any program may call itself sshd."""
    found = {jail.name: jail.settings for jail in jails_for(Role.PRODUCTION, [], [a_vhost(Runtime.PHP)], web)}
    assert not [name for name, settings in found.items() if "error" in str(settings.get("logpath"))]
    assert found["sshd"]["journalmatch"] == "_SYSTEMD_UNIT=ssh.service _UID=0"


def test_every_jail_can_name_its_sets() -> None:
    openings = [an_opening(25), an_opening(143)]
    found = [jail for web in Web for jail in jails_for(Role.PRODUCTION, openings, [a_vhost(Runtime.PHP)], web)]
    for jail in found:
        assert all(len(f"f2b-{jail.name}-{family}") <= LONGEST_SET for family in (*FAMILIES, "each"))
