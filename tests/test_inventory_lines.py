"""Lines are found in every way TOML has to write a key."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory.faults import Place
from inventory.lines import line_of, locate

TEXT = '''# a comment with [brackets] and "quotes"
top = 1
[hosts.web1]
role = "production"  # = { not a table
backup = { even = "a", odd = "b" }
servers = [
  "one",   # first
  # between
  "two",
]
[vhosts."shop.example"]
check.path = "/"
'quoted key' . "and \\u0061" = """
[not.a.table]
x = 1
"""
after = \'\'\'it's]\'\'\'

[[keys]]
id = 1
[[keys]]
id = 2
[keys.inner]
deep = [[1, 2],
  [3, { k = "}" }]]
'''


def test_every_way_to_write_a_key_is_found() -> None:
    lines = locate(TEXT)
    assert {
        ("top",): 2,
        ("hosts", "web1"): 3,
        ("hosts", "web1", "backup", "odd"): 5,
        ("hosts", "web1", "servers", 0): 7,
        ("hosts", "web1", "servers", 1): 9,
        ("vhosts", "shop.example", "check", "path"): 12,
        ("vhosts", "shop.example", "quoted key", "and a"): 13,
        ("vhosts", "shop.example", "after"): 17,
        ("keys", 0, "id"): 20,
        ("keys", 1, "id"): 22,
        ("keys", 1, "inner", "deep", 1, 1, "k"): 25,
    }.items() <= lines.items()
    assert ("not",) not in lines


def test_what_is_absent_is_found_at_what_encloses_it() -> None:
    lines = locate(TEXT)
    assert line_of(("hosts", "web1", "twin"), lines) == 3
    assert line_of(("nowhere", "at all"), lines) is None


keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
scalars = st.one_of(
    st.integers(-9, 9), st.booleans(), st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
trees = st.dictionaries(keys, st.dictionaries(keys, values, max_size=4), max_size=4)


def quote(text: str) -> str:
    """A TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Writer:
    """Writes a tree as TOML in a style of hypothesis's choice, and remembers on which line each value went."""

    def __init__(self, tree: dict[str, dict[str, Any]], draw: Any) -> None:
        self.text, self.draw = "", draw
        self.expected: dict[Place, int] = {}
        for name, table in tree.items():
            self.noise()
            self.here((name,))
            self.text += f"[ {quote(name)} ] # {name.strip()}\n"
            for key, value in table.items():
                self.noise()
                self.here((name, key))
                self.text += f"{quote(key)} = "
                self.value((name, key), value)
                self.text += "\n"

    def noise(self) -> None:
        self.text += self.draw(st.sampled_from(["", "\n", "# [x] = '\n", "  ", "\t\n"]))

    def here(self, place: Place) -> None:
        self.expected[place] = self.text.count("\n") + 1

    def value(self, place: Place, value: Any) -> None:
        if isinstance(value, dict):
            for n, (key, inner) in enumerate(value.items()):
                self.text += "{ " if n == 0 else ", "
                self.here((*place, key))
                self.text += f"{quote(key)} = "
                self.value((*place, key), inner)
            self.text += " }" if value else "{}"
        elif isinstance(value, list):
            self.text += "["
            for n, inner in enumerate(value):
                self.text += self.draw(st.sampled_from(["", "\n", " # ]\n  "]))
                self.here((*place, n))
                self.value((*place, n), inner)
                self.text += self.draw(st.sampled_from([",", " ,\n"]))
            self.text += "]"
        elif isinstance(value, str):
            fence = self.draw(st.sampled_from(['"', '"""', '"""\n']))
            self.text += fence + quote(value)[1:-1] + fence.strip()
        else:
            self.text += str(value).lower()


@given(tree=trees, data=st.data())
def test_every_line_is_right_however_the_file_is_written(tree: dict[str, dict[str, Any]], data: st.DataObject) -> None:
    written = Writer(tree, data.draw)
    assert tomllib.loads(written.text) == tree  # the writer itself is right
    found = locate(written.text)
    assert {place: found.get(place) for place in written.expected} == written.expected
