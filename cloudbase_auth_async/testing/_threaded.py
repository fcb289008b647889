"""An emulator on a loopback port, in a thread of its own, for apps that run elsewhere."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from cloudbase_auth_async.testing._emulator import Emulator

T = TypeVar("T")


class EmulatorThread:
    """
    Serves an emulator while a test drives an app in another process, thread or language.

    ```python
    with EmulatorThread(Emulator()) as server:
        server.run(lambda emulator: emulator.add_user(username="alice", password="Passw0rd!"))
        subprocess.run(["my-app"], env={**os.environ, **server.environ}, check=True)
        server.run(lambda emulator: emulator.assert_spends(0))
    ```

    The emulator belongs to that thread's loop: everything it can do is done through `run`. The
    properties here may be read from any thread.

    Args:
        emulator: one that is not running yet.
    """

    __slots__ = ("_emulator", "_loop", "_thread")

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        # A daemon: a test run that is killed half-way does not hang on it.
        self._thread = threading.Thread(
            target=self._main, name="cloudbase-auth emulator", daemon=True
        )
        self._thread.start()
        try:
            self.run(Emulator.__aenter__)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.run(lambda emulator: emulator.__aexit__(None, None, None))
        finally:
            self._end()

    @property
    def origin(self) -> str:
        """Return `http://host:port`."""
        return self._emulator.origin

    @property
    def base_url(self) -> str:
        """Return what a client takes for its `base_url`."""
        return self._emulator.base_url

    @property
    def environ(self) -> Mapping[str, str]:
        """Return the environment variables that `AuthClient.from_environ` reads."""
        return {
            "CLOUDBASE_ENV": self._emulator.env,
            "CLOUDBASE_CLIENT_ID": self._emulator.client_id,
            "CLOUDBASE_CLIENT_SECRET": self._emulator.client_secret,
            "CLOUDBASE_AUTH_BASE_URL": self.base_url,
        }

    @overload
    def run(
        self, call: Callable[[Emulator], Awaitable[T]], *, within_seconds: float = 30.0
    ) -> T: ...

    @overload
    def run(self, call: Callable[[Emulator], T], *, within_seconds: float = 30.0) -> T: ...

    def run(self, call: Callable[[Emulator], Any], *, within_seconds: float = 30.0) -> Any:
        """
        Call a function with the emulator, in its loop, and return what it returns or raises.

        No request is answered in the midst of it. An awaitable that it returns is awaited:
        `run(lambda _: fault.arrived)` waits for a request, `run(lambda _: fault.release())` lets
        it go. In a coroutine use `await asyncio.to_thread(server.run, ...)` for what takes long.

        Args:
            call: takes the emulator.
            within_seconds: until `TimeoutError`, which cancels what was awaited.
        """
        doing = asyncio.run_coroutine_threadsafe(self._call(call), self._loop)
        try:
            return doing.result(within_seconds)
        finally:
            doing.cancel()

    async def _call(self, call: Callable[[Emulator], Any]) -> Any:
        result = call(self._emulator)
        return await result if inspect.isawaitable(result) else result

    def _main(self) -> None:
        # The runner cancels what is left, joins the loop's own threads and closes it.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
