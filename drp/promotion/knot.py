"""knot.conf in which a secondary is the primary of zones. Pure: text in, text out.

Read and written is what `knotc conf-export` gives out (Knot 3.2): every include resolved, comments gone, sections in
an order that Knot accepts, one setting a line. There a zone that has no `master` is a primary; `master: ""` is refused,
so one that it has from its template takes a copy of that template (tried with Knot 3.2.6).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from drp.promotion.asked import Ours, by_hand

_HEAD, _LINE = re.compile(r"([a-z][\w-]*):\s*$"), re.compile(r"  (- |  )([a-z][\w-]*): (.*)$")
RIGHT = "seawall-updates"  # the acl that lets our key update
ONLY_BY_DEFAULT = ("global-module",)  # what no other template than `default` may have
Item = dict[str, str]  # settings as they are written, the first one what it is called by


@dataclass(slots=True)
class _Section:
    name: str
    items: list[Item] = field(default_factory=list)
    listed: bool = False


@dataclass(slots=True)
class _Conf:
    sections: list[_Section]

    def of(self, name: str, *, before: Sequence[str] = ()) -> _Section:
        """That section; where there is none, a new one, in front of those which name what is in it."""
        for one in self.sections:
            if one.name == name:
                return one
        places = [number for number, one in enumerate(self.sections) if one.name in before]
        made = _Section(name, listed=True)
        self.sections.insert(min(places, default=len(self.sections)), made)
        return made

    def find(self, section: str, identity: str) -> Item | None:
        """The item of that name."""
        items = [item for one in self.sections if one.name == section for item in one.items]
        return next((item for item in items if _same(next(iter(item.values())), identity)), None)


def promoted(text: str, zones: Sequence[str], key: Ours) -> str:
    """The configuration in which it takes updates of `zones` with `key`, from nobody else; the same where it does.

    Raises Refused where people have to do it.
    """
    conf = _parsed(text)
    _let_in(conf, key)
    for zone in zones:
        _promote(conf, zone, key)
    return _written(conf)


def plain(text: str) -> str:
    """The same configuration as this module writes it."""
    return _written(_parsed(text))


def unsigned(text: str, zone: str) -> bool:
    """Whether this server does not sign it."""
    conf = _parsed(text)
    own = conf.find("zone", zone)
    return own is None or _bare(_settled(conf, own).get("dnssec-signing", "off")) != "on"


def _promote(conf: _Conf, zone: str, key: Ours) -> None:
    own = conf.find("zone", zone)
    if own is None:
        raise by_hand(f"{zone} does not stand in its configuration: it may be in a catalog zone")
    settled = _settled(conf, own)
    _on_disk(zone, settled)
    own.pop("master", None)
    if "master" in _template(conf, own):
        own["template"] = f'"{_copy(conf, own)}"'
    rights = _listed(settled.get("acl", ""))
    if not any(_lets(conf, right, key) for right in rights):
        own["acl"] = "[ " + ", ".join(f'"{one}"' for one in [*rights, RIGHT]) + " ]"


def _on_disk(zone: str, settled: Item) -> None:
    """What Knot has of a zone when it reads it again: its file, and its journal after that."""
    sync, journal = _bare(settled.get("zonefile-sync", "0")), _bare(settled.get("journal-content", "changes"))
    if (sync.startswith("-") and journal != "all") or (sync != "0" and journal == "none"):
        raise by_hand(f"{zone} is in its memory alone there (zonefile-sync: {sync}, journal-content: {journal})")


def _settled(conf: _Conf, own: Item) -> Item:
    return {**_template(conf, own), **own}


def _template(conf: _Conf, own: Item) -> Item:
    return conf.find("template", _bare(own.get("template", "default"))) or {}


def _copy(conf: _Conf, own: Item) -> str:
    """The name of a template that is as its own, without a master."""
    name = f"{_bare(own.get('template', 'default'))}-primary"
    settings = {k: v for k, v in _template(conf, own).items() if k not in ("id", "master", *ONLY_BY_DEFAULT)}
    made = {"id": f'"{name}"', **settings}
    there = conf.find("template", name)
    if there is None:
        conf.of("template").items.append(made)
    elif there != made:
        raise by_hand(f"there is a template {name} already, and it says something else")
    return name


def _let_in(conf: _Conf, key: Ours) -> None:
    there = conf.find("key", key.name)
    if there is None:
        made = {"id": f'"{key.name}"', "algorithm": f'"{key.algorithm}"', "secret": f'"{key.secret}"'}
        conf.of("key", before=[one.name for one in conf.sections]).items.append(made)
    elif (_bare(there.get("algorithm", "")), _bare(there.get("secret", ""))) != (key.algorithm, key.secret):
        raise by_hand(f"the key {key.name} there is not the one of the estate")
    if conf.find("acl", RIGHT) is None:
        acl = conf.of("acl", before=("submission", "parent", "dnskey-sync", "policy", "template", "zone"))
        acl.items.append({"id": f'"{RIGHT}"', "key": f'"{key.name}"', "action": '"update"'})


def _lets(conf: _Conf, right: str, key: Ours) -> bool:
    acl = conf.find("acl", right) or {}
    named = any(_same(one, key.name) for one in _listed(acl.get("key", "")))
    return named and "update" in _listed(acl.get("action", "")) and _bare(acl.get("deny", "off")) != "on"


def _bare(value: str) -> str:
    return value.strip().strip('"')


def _listed(value: str) -> list[str]:
    """`"a"` and `[ "a", "b" ]`."""
    return [_bare(one) for one in value.strip().removeprefix("[").removesuffix("]").split(",") if one.strip()]


def _same(one: str, other: str) -> bool:
    """Names of zones and of keys, with the dot at their end or without."""
    return _bare(one).rstrip(".").lower() == _bare(other).rstrip(".").lower()


def _parsed(text: str) -> _Conf:
    sections: list[_Section] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if head := _HEAD.match(line):
            sections.append(_Section(head[1]))
        elif sections and (found := _LINE.match(line)):
            _take(sections[-1], found[1] == "- ", found[2], found[3])
        else:
            raise by_hand(f"line {number} of what knotc conf-export says can't be read: {line.split(':')[0]}")
    return _Conf(sections)


def _take(section: _Section, begins: bool, word: str, value: str) -> None:
    if begins or not section.items:
        section.items.append({})
        section.listed = begins
    section.items[-1][word] = value


def _written(conf: _Conf) -> str:
    return "\n".join(line for section in conf.sections for line in (*_section(section), ""))


def _section(section: _Section) -> Iterator[str]:
    yield f"{section.name}:"
    for number, item in enumerate(section.items):
        if number:
            yield ""
        yield from _item(item, listed=section.listed)


def _item(item: Mapping[str, str], *, listed: bool) -> Iterator[str]:
    for number, (word, value) in enumerate(item.items()):
        yield f"  {'- ' if listed and not number else '  '}{word}: {value}"
