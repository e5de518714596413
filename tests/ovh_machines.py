"""OVH's API as far as machines go, in memory: a dedicated server, a VPS and an instance; its faults are `ovh_api`'s.

After https://eu.api.ovh.com/v1/dedicated/server.json, vps.json and cloud.json. What is asked for takes a while: tasks
and states move on with each question. A machine that is on its way refuses, and tasks that were done may be purged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ovh_api import Ovh

SERVER, VPS, INSTANCE = "/dedicated/server/ns1.example", "/vps/vps1", "/cloud/project/p1/instance/i1"
DISK, RESCUE = 1, 1122
BOOTS = {"harddisk": [DISK], "rescue": [RESCUE], "network": [7]}
MOVES = {"init": "todo", "todo": "doing", "doing": "done", "stopping": "stopped", "rebooting": "running",
         "POWERING_OFF": "SHUTOFF", "POWERING_ON": "ACTIVE"}  # fmt: skip
VERBS = {(VPS, "stop"): ("running", "stopping"), (VPS, "start"): ("stopped", "rebooting"),
         (INSTANCE, "stop"): ("ACTIVE", "POWERING_OFF"), (INSTANCE, "start"): ("SHUTOFF", "POWERING_ON")}  # fmt: skip


@dataclass
class Machines(Ovh):
    """Of one customer."""

    chosen: int = DISK
    boots: int = DISK  # what the server runs
    tasks: dict[int, str] = field(default_factory=lambda: {41: "done"})
    resets: int = 0
    broken: bool = False  # resets come to nothing
    purging: bool = False
    states: dict[str, str] = field(default_factory=lambda: {VPS: "running", INSTANCE: "ACTIVE"})
    told: list[str] = field(default_factory=list)

    def _answer(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, Any]:
        if path == "/auth/time" or self._refused(method, path, body or b"", headers):
            return super()._answer(method, path, body, headers)
        self._go_on()
        where, query = urlsplit(path).path, parse_qs(urlsplit(path).query)
        if where in self.states:
            return 200, {"name": "m", "state" if where == VPS else "status": self.states[where]}
        if (place := tuple(where.rsplit("/", 1))) in VERBS:
            return self._told(*place)
        return self._server(method, where.removeprefix(SERVER), query, body or b"")

    def _told(self, where: str, verb: str) -> tuple[int, Any]:
        at, then = VERBS[where, verb]
        if self.states[where] != at:
            return 400, {"message": f"Action not allowed in state {self.states[where]}"}
        self.states[where] = then
        self.told.append(verb)
        return 200, {"id": 1, "type": f"{verb}Vm", "state": "todo"}

    def _server(  # noqa: PLR0911 - one return an answer
        self, method: str, rest: str, query: Mapping[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        match method, rest.strip("/").split("/"):
            case "GET", [""]:
                return 200, {"name": "ns1.example", "bootId": self.chosen, "powerState": "poweron"}
            case "PUT", [""]:
                self.chosen = int(body.decode().partition(":")[2].strip(" }"))
                return 200, None
            case "GET", ["boot"]:
                return 200, BOOTS[query["bootType"][0]]
            case "GET", ["task"]:
                assert query["function"] == ["hardReboot"]
                return 200, sorted(self.tasks, reverse=True)
            case "GET", ["task", number] if int(number) in self.tasks:
                return 200, {"taskId": int(number), "function": "hardReboot", "status": self.tasks[int(number)]}
            case "POST", ["reboot"]:
                self.resets += 1
                self.tasks[max(self.tasks, default=0) + 1] = "init"
                return 200, {"taskId": max(self.tasks), "function": "hardReboot", "status": "init"}
        return 404, {"message": "This service does not exist"}

    def _go_on(self) -> None:
        self.states = {where: MOVES.get(state, state) for where, state in self.states.items()}
        for number, status in list(self.tasks.items()):
            if status == "done" and self.purging:
                del self.tasks[number]
            elif status == "doing" and self.broken:
                self.tasks[number] = "ovhError"
            elif status in MOVES:
                self.tasks[number] = MOVES[status]
                if self.tasks[number] == "done":
                    self.boots = self.chosen
