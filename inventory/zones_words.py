"""What the settings of a zone that is held through octoDNS may look like; as `inventory.words`."""

import re

from inventory.faults import quoted


def class_path(value: str) -> str:
    """Where Python finds a class."""
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value, re.ASCII):
        raise ValueError(
            f'{quoted(value)} is no class; write it as octoDNS does: "octodns_cloudflare.CloudflareProvider"'
        )
    return value


def package(value: str) -> str:
    """What pip installs: a name, and which versions; nothing that it takes for an option or an address."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?((==|~=|>=|<=|<|>|!=)[A-Za-z0-9.,*!~<>=]+)?", value):
        raise ValueError(f'{quoted(value)} is no package; write its name, or "octodns-cloudflare>=1.2,<2"')
    return value


def argument(value: str) -> str:
    """The name of an argument of an octoDNS class."""
    if value == "id" or not re.fullmatch(r"[a-z]\w*", value, re.ASCII):
        raise ValueError(
            f"{quoted(value)} is no argument of the class that Seawall leaves to you; its documentation has them"
        )
    return value


def setting(value: object) -> str | int | float | bool | list[str]:
    """An argument's value, as octoDNS's classes take them."""
    texts = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    if isinstance(value, list) and len(texts) == len(value):
        return texts
    if not isinstance(value, str | int | float):
        raise ValueError("must be text, a number, true or false, or a list of texts")  # noqa: TRY004 - pydantic reports no TypeError
    return value
