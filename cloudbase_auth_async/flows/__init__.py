"""
Several calls as one: `auth.flows` and `session.flows` are built of what is here.

Every flow can be cancelled at any moment and gone on with; one with a code also in another
process, by what `CodeFlow.to_dict` wrote.
"""

from cloudbase_auth_async.flows._client import Flows
from cloudbase_auth_async.flows._code import CodeFlow
from cloudbase_auth_async.flows._device import DeviceFlow
from cloudbase_auth_async.flows._session import SessionFlows

__all__ = ["CodeFlow", "DeviceFlow", "Flows", "SessionFlows"]
