"""Tables of the estate file about how hosts are kept safe, as they are written."""

from datetime import date, time
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from estate.policy import Cryptography
from inventory import policy_words, words
from inventory.table import Table

PublicKey = Annotated[str, AfterValidator(policy_words.public_key)]
Network = Annotated[str, BeforeValidator(policy_words.network)]
Day = Annotated[date, BeforeValidator(policy_words.day)]
Sentence = Annotated[str, AfterValidator(words.sentence)]
Staff = Annotated[str, AfterValidator(policy_words.staff)]
Label = Annotated[str, AfterValidator(words.label)]
Command = Annotated[str, AfterValidator(policy_words.command)]


class RawLimits(Table):
    """vhosts.DOMAIN.limits"""

    memory_mb: Annotated[int, Field(ge=64, le=1_000_000)] = 512
    cpu_percent: Annotated[int, Field(ge=5, le=100_000)] = 100
    tasks: Annotated[int, Field(ge=8, le=100_000)] = 64
    disk_mb: Annotated[int, Field(ge=10, le=100_000_000)] | None = None


class RawPerson(Table):
    """[staff.NAME]"""

    needs: ClassVar[tuple[str, ...]] = ("keys", "until")
    keys: Annotated[list[PublicKey], Field(min_length=1)] | None = None
    until: Day | None = None
    hosts: list[str] = []
    sudo: list[Command] = []


class RawSsh(Table):
    """[ssh]"""

    cryptography: Annotated[Cryptography, BeforeValidator(words.one_of(Cryptography))] = Cryptography.COMPATIBLE
    hardware_keys: bool = False


class RawFirewall(Table):
    """[firewall]"""

    allow: list[Network] = []
    block: list[Network] = []


class RawPatches(Table):
    """[patches]"""

    reboot: bool = False
    window: Annotated[tuple[time, time], BeforeValidator(policy_words.window)] = (time(3), time(5))


class RawCredential(Table):
    """[credentials.NAME]"""

    needs: ClassVar[tuple[str, ...]] = ("where", "owner", "changed")
    where: Sentence | None = None
    owner: Annotated[str, AfterValidator(words.person)] | None = None
    hardware_key: bool = False
    changed: Day | None = None
    every_days: Annotated[int, Field(ge=1, le=3650)] = 60


class RawOrigin(Table):
    """[origins.NAME]"""

    needs: ClassVar[tuple[str, ...]] = ("uri", "suites", "key")
    uri: Annotated[str, AfterValidator(policy_words.archive)] | None = None
    suites: Annotated[list[Annotated[str, AfterValidator(policy_words.suite)]], Field(min_length=1)] | None = None
    components: list[Annotated[str, AfterValidator(policy_words.suite)]] = []
    key: Annotated[str, AfterValidator(policy_words.openpgp)] | None = None
    hosts: list[str] = []
