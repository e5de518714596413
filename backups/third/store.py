"""An S3-compatible store with object lock: what is put there stays until its lock has ended.

Object lock in compliance mode: not even the account's owner shortens it. A bucket with object lock keeps every version,
so a delete only hides and an overwrite only adds; reading goes by version, and by what authenticates.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.error import MinioException, S3Error
from minio.retention import Retention
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from backups.third.manifest import Stored
from backups.third.sealing import Readable
from backups.third.settings import Settings
from estate.problem import Failed, Missing, Problem, Refused, Unreachable, Untrusted

PART = 8 << 20  # bytes that are kept in memory, three times
CONNECT, ANSWER = 10.0, 120.0  # seconds
WRONG = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidRequest"}
GONE = {"NoSuchKey", "NoSuchVersion", "MethodNotAllowed"}  # the last: a mark that hides it


@dataclass(frozen=True, slots=True)
class Store:
    """One bucket."""

    endpoint: str
    bucket: str
    client: Minio

    def require_lock(self) -> None:
        """Raise Missing where there is no such bucket, Refused where it has no object lock."""
        with self._judged("look at the bucket"):
            try:
                self.client.get_object_lock_config(self.bucket)
            except S3Error as fault:
                if fault.code != "ObjectLockConfigurationNotFoundError":
                    raise
                raise Refused(
                    f"the bucket {self.bucket} at {self.endpoint} has no object lock: who has our keys could empty it",
                    hint="object lock comes with a new bucket: seawall backup third bucket",
                ) from None

    def make(self) -> bool:
        """The bucket, with object lock; False where it is there already."""
        with self._judged("make the bucket"):
            if self.client.bucket_exists(self.bucket):
                return False
            self.client.make_bucket(self.bucket, object_lock=True)
            return True

    def put(self, name: str, data: Readable, size: int, until: datetime) -> Stored:
        """Send `size` bytes, locked from the first instant."""
        with self._judged("send an object"):
            lock = Retention(COMPLIANCE, until)
            done = self.client.put_object(self.bucket, name, data, size, part_size=PART, retention=lock)  # type: ignore[arg-type]
            if done.version_id is None:
                raise Refused(f"{self.endpoint} keeps no versions", hint="use a bucket with object lock")
            stored = Stored(name, done.version_id, until)
            if size > PART:  # Ceph 16 takes no lock along with an object that comes in parts
                self.extend(stored, until)
            return stored

    def extend(self, stored: Stored, until: datetime) -> None:
        """A lock that ends later."""
        with self._judged("lock an object for longer"):
            lock = Retention(COMPLIANCE, until)
            self.client.set_object_retention(self.bucket, stored.name, lock, version_id=stored.version)

    def locked_until(self, stored: Stored) -> datetime | None:
        """As the store itself says; None where there is no lock."""
        with self._judged("ask for a lock"):
            found = self.client.stat_object(self.bucket, stored.name, version_id=stored.version)
            # Not get_object_retention: minio 7.2 does not understand the nanoseconds that some stores write.
            until = (found.metadata or {}).get("x-amz-object-lock-retain-until-date")
            return datetime.fromisoformat(until) if until else None

    def remove(self, stored: Stored) -> None:
        """For good. Harmless where it is gone."""
        with self._judged("remove an object"):
            self.client.remove_object(self.bucket, stored.name, version_id=stored.version)

    def versions(self, prefix: str = "") -> Iterator[Stored]:
        """Everything that was ever put there and not removed, also what somebody has hidden; the oldest of a name last.

        `until` is when it came, for the store does not list its locks.
        """
        with self._judged("list the bucket"):
            for found in self.client.list_objects(self.bucket, prefix=prefix, recursive=True, include_version=True):
                if not found.is_delete_marker and found.object_name and found.version_id and found.last_modified:
                    yield Stored(found.object_name, found.version_id, found.last_modified)

    def get(self, name: str, version: str) -> Iterator[bytes]:
        """What was put there, in pieces. Raises Missing where it is gone."""
        with self._judged("fetch an object"):
            response = self.client.get_object(self.bucket, name, version_id=version)
            try:
                yield from response.stream(1 << 20)
            finally:
                response.close()
                response.release_conn()

    @contextmanager
    def _judged(self, what: str) -> Iterator[None]:
        try:
            yield
        except S3Error as fault:
            raise self._problem(what, fault) from None
        except (HTTPError, MinioException, OSError) as fault:
            raise Unreachable(
                f"{self.endpoint} does not answer ({what}): {type(fault).__name__}: {fault}",
                hint="is the store up? the two backup servers have everything meanwhile",
            ) from None

    def _problem(self, what: str, fault: S3Error) -> Problem:
        said = f"{self.endpoint}, bucket {self.bucket}: can't {what}: {fault.code}: {fault.message}"
        if fault.code in WRONG:
            return Untrusted(said, hint="look at access_key and secret_key in [third_copy], and at what they may do")
        if fault.code == "NoSuchBucket":
            return Missing(said, hint="make it with: seawall backup third bucket")
        if fault.code in GONE:
            return Missing(said, hint="an older copy: seawall backup third list")
        return Failed(said, hint="mend that, then run the same command again; what was copied stays")


def store(settings: Settings) -> Store:
    """The bucket that these settings name."""
    url = urlsplit(settings.endpoint)
    trusted = ssl.create_default_context(cadata=settings.trust)
    pool = PoolManager(
        timeout=Timeout(connect=CONNECT, read=ANSWER),
        retries=Retry(total=2, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504)),
        ssl_context=trusted,
    )
    client = Minio(
        url.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        region=settings.region or "us-east-1",  # else it would ask first, which few stores answer
        secure=url.scheme == "https",
        http_client=pool,
    )
    return Store(settings.endpoint, settings.bucket, client)
