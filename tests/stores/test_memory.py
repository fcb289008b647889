"""The store in memory: the contract, and what is its own."""

from typing import ClassVar

import pytest

from cloudbase_auth_async.stores.base import Store
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    """The memory store keeps the contract."""

    shared: ClassVar[bool] = False

    def make_store(self) -> Store:
        """Make a store; each is a place of its own."""
        return MemoryStore()


def test_the_contract_needs_a_store() -> None:
    """A contract without a store says so at once."""
    with pytest.raises(NotImplementedError):
        StoreContract().make_store()
