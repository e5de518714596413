"""What becomes of one record's values when a host takes over from another. Pure."""

import re
from collections.abc import Callable
from ipaddress import ip_network

import dns.rdata
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.svcbbase import IPv4HintParam, IPv6HintParam, MandatoryParam, Param, ParamKey, SVCBBase

from estate.model import Host

Rewrite = Callable[[tuple[str, ...], Host, Host], tuple[str, ...]]  # values in presentation format, old and new host
_MENTION = re.compile(r"^([+?~-]?ip[46]:)([0-9a-fA-F.:]+(?:/\d+)?)$")


def _address(values: tuple[str, ...], old: object, new: object) -> tuple[str, ...]:
    kept = {value for value in values if value != str(old)}
    if len(kept) == len(values):
        return values
    return tuple(sorted(kept if new is None else kept | {str(new)}))


def _ipv4(values: tuple[str, ...], old: Host, new: Host) -> tuple[str, ...]:
    return _address(values, old.ipv4, new.ipv4)


def _ipv6(values: tuple[str, ...], old: Host, new: Host) -> tuple[str, ...]:
    return _address(values, old.ipv6, new.ipv6)


def _spf(values: tuple[str, ...], old: Host, new: Host) -> tuple[str, ...]:
    return tuple(sorted(_mentions(value, old, new) for value in values))


def _mentions(value: str, old: Host, new: Host) -> str:
    """One TXT value; an SPF record (RFC 7208) names `new` where it named `old`, once."""
    record = dns.rdata.from_text("IN", "TXT", value)
    assert isinstance(record, TXT)
    text = b"".join(record.strings).decode("latin-1")
    if text.split(" ", 1)[0].lower() != "v=spf1":
        return value
    terms = text.split(" ")
    swapped = [_term(term, old, new) for term in terms]
    if swapped == terms:
        return value
    whole = " ".join(dict.fromkeys(term for term in swapped if term))
    return " ".join(_quoted(whole[start : start + 255]) for start in range(0, len(whole), 255))


def _term(term: str, old: Host, new: Host) -> str:
    """The term with the new address, empty where there is none; a wider network around it stays as it is."""
    mention = _MENTION.match(term)
    for was, now in ((old.ipv4, new.ipv4), (old.ipv6, new.ipv6)):
        if mention and was is not None and _network(mention[2]) == ip_network(was):
            return f"{mention[1]}{now}" if now is not None else ""
    return term


def _network(text: str) -> object:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hints(values: tuple[str, ...], old: Host, new: Host) -> tuple[str, ...]:
    return tuple(sorted(_hinted(value, old, new) for value in values))


def _hinted(value: str, old: Host, new: Host) -> str:
    """One HTTPS record (RFC 9460): browsers that have its address hints need not ask for addresses at all."""
    record = dns.rdata.from_text("IN", "HTTPS", value)
    assert isinstance(record, SVCBBase)
    params, gone = dict(record.params), set[int]()
    for key, kind, was, now in (
        (ParamKey.IPV4HINT, IPv4HintParam, old.ipv4, new.ipv4),
        (ParamKey.IPV6HINT, IPv6HintParam, old.ipv6, new.ipv6),
    ):
        hint = params.get(key)
        if isinstance(hint, kind) and str(was) in hint.addresses:
            if kept := _address(tuple(hint.addresses), was, now):
                params[key] = kind(kept)
            else:
                gone.add(key)
    left = {key: _still_mandatory(param, gone) for key, param in params.items() if key not in gone}
    shown = {key: param for key, param in left.items() if param is not None}
    return value if params == record.params and not gone else record.replace(params=shown).to_text()


def _still_mandatory(param: Param, gone: set[int]) -> Param | None:
    """The list of what a client must understand names nothing that is not there (RFC 9460, section 8)."""
    if not isinstance(param, MandatoryParam):
        return param
    keys = [key for key in param.keys if key not in gone]
    return MandatoryParam(keys) if keys else None  # type: ignore[no-untyped-call]


REWRITES: dict[str, Rewrite] = {"A": _ipv4, "AAAA": _ipv6, "HTTPS": _hints, "TXT": _spf}
