"""
Sessions in Redis: every machine that reaches the same Redis shares them.

The extra `redis` brings what this module needs; nothing else in the library imports it.
"""

import asyncio
import base64
import contextlib
import os
import re
import secrets
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote

from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.config import text
from cloudbase_auth_async.errors import ConfigurationError, StoreBusy, StoreCorrupt, StoreError
from cloudbase_auth_async.stores._redis_script import SCRIPT, SHA
from cloudbase_auth_async.stores._waiting import Queue, Queues, to_the_end
from cloudbase_auth_async.stores.base import Lease, Record

try:
    from redis import Redis, RedisCluster
    from redis.exceptions import NoScriptError, RedisClusterException, RedisError
except ImportError:
    raise ImportError(
        "RedisStore needs the package redis: pip install 'cloudbase-auth-async[redis]'"
    ) from None

# The life of a refresh token: docs.cloudbase.net/http-api/auth/auth-grant-token, 2026-11-22.
KEEP_SECONDS: Final = 31 * 86400.0
# Longer than any refresh with its retries. It is only for a holder that was paused, wakes after
# a sign-out and would write to a free key; generations refuse it everything else.
_REMEMBER_REMOVED_SECONDS: Final = 3600.0
_SHORTEST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.1
_SCAN_COUNT: Final = 500
_NUMBER: Final = re.compile(rb"[1-9][0-9]{0,15}")
_TIMES_SECONDS: Final = (0.001, 1e10)
# What a key may show of itself; braces and `%` are not among it.
_READABLE: Final = ":@/+=,"
_CODE: Final = re.compile(r"[A-Z]{3,20}(?= |$)", re.ASCII)


class AsyncRedis(Protocol):
    """What is asked of a client: `redis.asyncio.Redis` and `RedisCluster` have it."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return the answer."""
        ...

    def scan_iter(self, match: Any = None, count: int | None = None) -> AsyncIterator[Any]:
        """Yield the names that fit a pattern, of all primaries."""
        ...


class RedisStore:
    """
    Keep sessions in Redis 5 or later.

        store = RedisStore(redis.asyncio.Redis.from_url("rediss://…"))

        sentinel = redis.asyncio.Sentinel([("10.0.0.1", 26379), ("10.0.0.2", 26379)])
        store = RedisStore(sentinel.master_for("mymaster"))

        store = RedisStore(redis.asyncio.RedisCluster.from_url("rediss://…"))

    The client is borrowed and never closed here. Its connections belong to an event loop: another
    loop needs another client. Whatever it is set to (`decode_responses`, the protocol, its
    retries) works. A lock is a lease by Redis' own clock: who is paused until it
    lapses can write no more once somebody else has.

    What the Redis needs:

    - `maxmemory-policy noeviction`. Any other may throw a session away to make room, and its
      user must sign in again. Out of memory, this store fails loudly and nothing is spent.
    - Persistence: `appendonly yes`. With `appendfsync everysec` a crash loses the last second; a
      pair that was rotated in it is spent for the server and forgotten here.
      `appendfsync always` loses nothing.
    - With replicas: they follow late, so a fail-over may lose the last writes in the same way,
      and a lock; then two may refresh at once. Fences go on growing over it, and one of the two
      writes is refused. `min-replicas-to-write 1` makes the loss smaller.

    A session of which nothing was written for `keep_seconds` disappears: its refresh token is
    dead by then. What is left of a removed one goes after an hour; of a lock, when it lapses.
    """

    def __init__(
        self,
        redis: AsyncRedis,
        *,
        prefix: str = "cloudbase-auth:",
        keep_seconds: float = KEEP_SECONDS,
        timeout_seconds: float = 5.0,
    ) -> None:
        """
        Args:
            redis: a client of `redis.asyncio`.
            prefix: what the names of all keys here begin with; ASCII.
            keep_seconds: how long a session is kept after it was last written.
            timeout_seconds: how long one command may take, the client's own retries included.

        Raises:
            ConfigurationError: an argument is wrong.
        """
        blocking = isinstance(redis, Redis | RedisCluster)
        if blocking or not callable(getattr(redis, "execute_command", None)):
            raise ConfigurationError("redis", "must be a client of redis.asyncio")
        if not text("prefix", prefix).isascii():
            raise ConfigurationError("prefix", "must be ASCII")
        self._redis = redis
        self._prefix = prefix
        self._keep = _milliseconds("keep_seconds", keep_seconds)
        self._timeout = _milliseconds("timeout_seconds", timeout_seconds) / 1000
        self._queues = Queues(
            shortest_seconds=_SHORTEST_PAUSE_SECONDS, longest_seconds=_LONGEST_PAUSE_SECONDS
        )

    def __repr__(self) -> str:
        return f"RedisStore(prefix={self._prefix!r})"

    async def load(self, key: str) -> Record | None:
        """
        Return what is kept under a key; None if nothing is.

        Raises:
            StoreCorrupt: it is no record; it was moved to other fields of the same hash.
            StoreError: Redis failed.
        """
        record, moved = await self._read(key)
        if moved is None:
            return record
        raise StoreCorrupt(
            "what Redis keeps of a session cannot be read",
            kept_at="the field corrupt_value of its hash" if moved else None,
        )

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """
        Write a record if the generation under the key is the expected one.

        True, too, if this very record is there: it was written by a call whose answer was lost.

        Raises:
            StoreError: Redis failed; the record may have been written.
        """
        done = await self._run(
            key,
            "replace",
            secrets.token_hex(16),
            "" if expected is None else str(expected),
            str(record.generation),
            base64.b64encode(record.value),
            "" if lease is None else str(lease.fence),
            self._keep,
        )
        return bool(done)

    async def remove(self, key: str, *, expected: int) -> bool:
        """
        Free a key if the generation under it is the expected one.

        Raises:
            StoreError: Redis failed; the key may have been freed.
        """
        after = int(_REMEMBER_REMOVED_SECONDS * 1000)
        return bool(await self._run(key, "remove", secrets.token_hex(16), str(expected), after))

    @contextlib.asynccontextmanager
    async def lock(
        self, key: str, *, wait_seconds: float, hold_seconds: float
    ) -> AsyncGenerator[Lease]:
        """
        Lock a key on every machine; the lock lapses after `hold_seconds`.

        If Redis fails when the lock is given back, it is left to lapse: what was done under it
        is done.

        Raises:
            StoreBusy: somebody else held it all the while.
            StoreError: Redis failed.
        """
        owner = secrets.token_hex(16)
        milliseconds = _milliseconds("hold_seconds", hold_seconds)
        deadline = asyncio.get_running_loop().time() + wait_seconds
        async with self._queues.turn(key, deadline=deadline) as queue:
            lease = await self._wait(queue, key, owner, milliseconds, deadline)
        try:
            yield lease
        finally:
            await to_the_end(self._release(key, owner))

    async def keys(self) -> AsyncIterator[str]:
        """
        Yield every key that holds a record.

        Redis looks through all its keys for them: for maintenance, not for each request.

        Raises:
            StoreError: Redis failed.
        """
        start = self._prefix + "{"
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", start) + "*"
        names = self._redis.scan_iter(match=pattern.encode("ascii"), count=_SCAN_COUNT)
        seen: set[str] = set()
        while (found := await self._next(names)) is not None:
            name = found.decode("ascii", "replace")
            key = unquote(name[len(start) : -1], errors="surrogatepass")
            # A key of somebody else, who chose a prefix that begins like this one, is no session.
            if name not in seen and name == self._name(key) and await self._run(key, "has"):
                yield key
            seen.add(name)

    async def aclose(self) -> None:
        """Do nothing: the client is its owner's."""

    def _name(self, key: str) -> str:
        # In braces: keys are told from each other under any prefix, and a cluster hashes no more.
        return f"{self._prefix}{{{quote(key, safe=_READABLE, errors='surrogatepass')}}}"

    async def _read(self, key: str) -> tuple[Record | None, bool | None]:
        """Return the record; if there is something else, whether that was moved aside."""
        # By the script, too: a client that reads from replicas would send a plain HMGET to one.
        generation, value = map(_bytes, await self._run(key, "load"))
        if generation is None and value is None:
            return None, None
        if (record := _record(generation, value)) is not None:
            return record, None
        return None, bool(
            await self._run(key, "aside", generation or b"", value or b"", self._keep)
        )

    async def _wait(
        self, queue: Queue, key: str, owner: str, milliseconds: int, deadline: float
    ) -> Lease:
        while True:
            queue.freed.clear()
            granted, answer = await self._acquire(key, owner, milliseconds)
            if granted:
                return Lease(int(answer))
            queue.holder = answer
            left = deadline - queue.loop.time()
            if left <= 0:
                raise StoreBusy("the lock of a session was not free in time", holder=answer)
            await queue.pause(min(left, self._queues.pause_seconds()))

    async def _acquire(self, key: str, owner: str, milliseconds: int) -> tuple[bool, str]:
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        asked = asyncio.create_task(
            self._run(key, "acquire", owner, holder.encode("ascii", "replace"), milliseconds)
        )
        try:
            # Cancelling the command would not tell whether it arrived; it is let to end.
            await asyncio.wait({asked})
        except asyncio.CancelledError:
            await to_the_end(self._undo(asked, key, owner))
            raise
        try:
            granted, answer = asked.result()
        except StoreError:
            # It may have arrived: until it lapsed nobody would get the lock, not even we.
            await to_the_end(self._release(key, owner))
            raise
        return bool(granted), (_bytes(answer) or b"").decode("ascii", "replace")

    async def _undo(self, asked: "asyncio.Task[Any]", key: str, owner: str) -> None:
        with contextlib.suppress(StoreError):  # it may have arrived all the same
            await asked
        await self._release(key, owner)

    async def _release(self, key: str, owner: str) -> None:
        with contextlib.suppress(StoreError):
            await self._run(key, "release", owner)
        self._queues.freed(key)

    @sealed
    async def _run(self, key: str, command: str, *args: bytes | str | int) -> Any:
        """Run one command of the script, in the words of its own."""
        words = (1, self._name(key).encode("ascii"), command, *args)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._evaluate(words)
        except _FAILURES as error:
            trouble = self._trouble(error)
        # Outside the handler, or the context of the error would hold what was sent.
        raise StoreError(trouble)

    async def _evaluate(self, words: tuple[Any, ...]) -> Any:
        with contextlib.suppress(NoScriptError):
            return await self._redis.execute_command("EVALSHA", SHA, *words)
        # Flushed, restarted, or another machine since a fail-over; this makes it known again.
        return await self._redis.execute_command("EVAL", SCRIPT, *words)

    async def _next(self, names: AsyncIterator[Any]) -> bytes | None:
        try:
            async with asyncio.timeout(self._timeout):
                return _bytes(await anext(names, None))
        except _FAILURES as error:
            trouble = self._trouble(error)
        raise StoreError(trouble)

    def _trouble(self, error: BaseException) -> str:
        """Say what went wrong in words that hold nothing of what was sent or answered."""
        if type(error) is TimeoutError:
            return f"Redis did not answer within {self._timeout:g} seconds"
        kind = type(error).__name__
        if isinstance(error, RuntimeError):
            return f"the Redis client failed: {kind}; does it belong to another event loop?"
        if code := _CODE.match(str(error)):
            kind = f"{kind}, {code[0]}"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
                return f"Redis failed: {kind} ({os.strerror(cause.errno)})"
            cause = cause.__cause__ or cause.__context__
        return f"Redis failed: {kind}"


# A client raises RuntimeError when its connections belong to a loop that has ended, and
# UnicodeError when somebody else wrote something into a hash that it cannot decode.
_FAILURES = (
    RedisError,
    RedisClusterException,
    OSError,
    TimeoutError,
    RuntimeError,
    UnicodeError,
)


def _record(generation: bytes | None, value: bytes | None) -> Record | None:
    if generation is None or value is None or not _NUMBER.fullmatch(generation):
        return None
    try:
        return Record(int(generation), base64.b64decode(value, validate=True))
    except ValueError:
        return None


def _milliseconds(argument: str, seconds: float) -> int:
    shortest, longest = _TIMES_SECONDS
    if not shortest <= seconds <= longest:  # NaN is neither
        raise ConfigurationError(argument, "must be a number of seconds, a thousandth or more")
    return int(seconds * 1000)


def _bytes(answer: Any) -> bytes | None:
    """Return an answer as bytes, whether the client decodes or not."""
    return answer.encode("ascii", "replace") if isinstance(answer, str) else answer
