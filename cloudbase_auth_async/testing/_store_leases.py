"""What a store promises whose locks lapse: the late are refused."""
# ruff: noqa: S101 -- these are tests, and pytest explains their asserts

from contextlib import AbstractAsyncContextManager

import pytest

from cloudbase_auth_async.stores.base import Record, Store


class LeaseContract:
    """Mixed into `StoreContract`; a store whose lease has no fence is not asked."""

    def _store(self) -> AbstractAsyncContextManager[Store]:
        raise NotImplementedError

    async def test_the_late_holder_of_a_lapsed_lock_is_refused(self) -> None:
        """Once a later holder has written, a write under the earlier lease does nothing."""
        async with self._store() as store:
            await store.replace("a", Record(1, b"one"), expected=None)
            async with store.lock("a", wait_seconds=30, hold_seconds=0.05) as early:
                if early.fence == 0:
                    pytest.skip("its locks do not lapse")
                async with store.lock("a", wait_seconds=30, hold_seconds=60) as late:
                    assert late.fence > early.fence
                    assert await store.replace("a", Record(2, b"two"), expected=1, lease=late)
                    record = Record(3, b"three")
                    assert await store.replace("a", record, expected=2, lease=early) is False
                    assert await store.load("a") == Record(2, b"two")
