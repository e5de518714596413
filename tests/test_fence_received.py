"""A client that was fenced, at a backup server: it reads what it saved, and adds nothing."""

import io
import json
import shutil
from pathlib import Path

import pytest
from gated import Gated
from held import HOME, SINCE, TWIN

from backups.vault import fenced
from effects.onhost import fence, streams
from effects.onhost.fence import NOTHING


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fence, "ROOT", tmp_path / "witness")
    (tmp_path / "witness/web1").mkdir(parents=True)
    return tmp_path / "witness"


def asked(root: Path, request: bytes, verb: str) -> list[str]:
    sink = io.BytesIO()
    source = io.BytesIO(request)
    streams.read(root, source, sink) if verb == "read" else streams.write(root, 1 << 20, source, sink)
    return sink.getvalue().decode().splitlines()


def test_a_fenced_clients_stream_is_refused_in_words_and_can_still_be_read(witness: Path, tmp_path: Path) -> None:
    root = tmp_path / "streams" / "web1"
    root.mkdir(parents=True)
    opened = b"open mariadb 20261122T031400Z-1f2e3d\n" + b"SWS1" + bytes(32)
    assert asked(root, opened, "write") == ["ok 000001"]
    assert fence.take("web1", TWIN, witness) is None
    said = asked(root, opened, "write")
    assert said == [f"no: fenced: twin1 serves since {SINCE}; seawall drp return brings web1 back"]
    for verb in ("read", "write"):
        assert fence.parse(asked(root, b"fence\n", verb)[0].removeprefix("ok ")) == TWIN
        assert asked(root, b"fence 9 aaaa web1 now\n", verb)
        assert fence.held("web1", witness) == TWIN
    assert len(json.loads(asked(root, b"list\n", "read")[0][3:])) == 1
    assert fence.take("web1", HOME, witness) is None
    assert asked(root, opened, "write") == ["ok 000002"]


class FencedGate(Gated):
    """The gate of a backup server whose witness stands in the same folder."""

    def way_in(self, role: str, *quotas: str) -> list[str]:
        python, c, rest = super().way_in(role, *quotas)
        code = f"from effects.onhost import fence; import pathlib; fence.ROOT = pathlib.Path({str(self.folder)!r}); "
        return [python, c, code + rest]


def told(gate: FencedGate, role: str, command: str) -> str:
    with gate.session(role, command) as session:
        assert session.process.stdout
        assert session.process.stdin
        session.process.stdin.close()
        text: bytes = session.process.stdout.read()
        return text.decode()


def test_a_fenced_client_reads_its_archives_and_adds_none(tmp_path: Path) -> None:
    gate = FencedGate(tmp_path)
    for folder in ("borg/web1", "live", "web1"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "live/a.txt").write_text("worth keeping\n", encoding="utf-8")
    live = str(tmp_path / "live")
    assert gate.borg("init", "--encryption=repokey", "--append-only", "URL").ok
    assert gate.borg("create", "URL::before", live).ok
    raised = json.loads(told(gate, "keeper", f"fence 1 {TWIN.seal} twin1 {SINCE}"))
    assert (raised["refused"], fence.parse(raised["held"])) == (None, TWIN)
    (tmp_path / "live/b.txt").write_text("written alone\n", encoding="utf-8")
    said = gate.borg("create", "URL::after", live)
    assert not said.ok
    assert f"fenced: twin1 serves since {SINCE}; seawall drp return brings web1 back" in said.err
    assert not gate.borg("delete", "URL::before").ok
    assert gate.borg("list", "--short", "URL").out.split() == ["before"]
    assert not (tmp_path / "borg/web1/.refused").exists()  # it is no attack
    assert gate.borg("init", "--encryption=repokey", "--append-only", "URL").code == 10
    shutil.rmtree(tmp_path / "borg/web1/files")
    assert "fenced: " in gate.borg("init", "--encryption=repokey", "--append-only", "URL").err
    lowered = json.loads(told(gate, "keeper", f"fence 1 {'c' * 64} web1 {SINCE}"))
    assert "it holds epoch 1" in lowered["refused"]
    assert fence.held("web1", tmp_path) == TWIN


@pytest.mark.parametrize("words", ["fence", "fence x a b c", "fence 9 a", "fence 9 a b c d", "fence 9 a ../b c"])
def test_a_faulty_verb_fences_nobody(witness: Path, capsys: pytest.CaptureFixture[str], words: str) -> None:
    fenced.answer("web1", words.split()[1:])
    assert json.loads(capsys.readouterr().out)["refused"]
    assert fence.held("web1", witness) == NOTHING
