"""How the backups of all hosts stand, asked from the control machine."""

from backups.standing import Document, Standing, together
from effects.clock import now
from effects.remote import Remote
from estate.model import Estate, Host, Role
from estate.problem import Problem, of_code
from supervision.asking import everywhere

ASK = ["/opt/seawall/bin/seawall", "backup", "status", "--json"]
LIMIT = 180.0  # seconds for one host: a twin lists both sides


def standings(estate: Estate) -> list[Standing]:
    """One for each host that is saved; of one that does not answer what its twin says, and that it is silent."""
    hosts = [host for host in estate.hosts_with(Role.PRODUCTION, Role.DRP) if host.backup]

    def look(host: Host) -> list[Standing]:
        with Remote(host, estate.control) as remote:
            said = remote.attempt(ASK, timeout=LIMIT)
        if not said.out.strip():
            raise of_code(said.code)(f"{host.name}: {said.said}", hint="look at that host")
        return Document.model_validate_json(said.out).hosts

    answers = everywhere(hosts, look)
    return together(one for name, answer in answers.items() for one in _told(name, answer))


def _told(name: str, answer: list[Standing] | Problem) -> list[Standing]:
    """A host that does not answer is unknown, never well."""
    if isinstance(answer, Problem):
        return [Standing(name, now(), (), (), (), faults=(answer.what,))]
    return answer
