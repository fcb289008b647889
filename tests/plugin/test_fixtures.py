"""What the plugin's fixtures hand out."""

import time

import pytest

from cloudbase_auth_async import AuthClient, TokenSession, testing
from cloudbase_auth_async.testing import Emulator, ManualClock, User


async def test_session(
    cloudbase_session: TokenSession, cloudbase_user: User, cloudbase_emulator: Emulator
) -> None:
    """The session is alice's, and signing her in sent nothing."""
    assert cloudbase_emulator.journal == []
    me = await cloudbase_session.user.me()
    assert (me.sub, me.username) == (cloudbase_user.sub, "alice")


def test_without_a_loop(cloudbase_session: TokenSession, cloudbase_auth: AuthClient) -> None:
    """A plain function may ask for the fixtures, too."""
    assert cloudbase_session.tokens.sub
    assert cloudbase_auth.base_url == "http://127.0.0.1:1/auth/v1"


def test_today(cloudbase_emulator: Emulator) -> None:
    """The clock shows today and stands still until it is moved."""
    now = cloudbase_emulator.clock.wall()
    assert now == pytest.approx(time.time(), abs=60)
    cloudbase_emulator.time_travel(5)
    assert cloudbase_emulator.clock.wall() == now + 5


@pytest.mark.cloudbase_emulator(access_lifetime_seconds=60, env="outer")
class TestMarker:
    """The marker's arguments reach the emulator."""

    @pytest.mark.cloudbase_emulator(env="inner", clock=ManualClock())
    async def test_nearest_wins(
        self, cloudbase_emulator: Emulator, cloudbase_session: TokenSession
    ) -> None:
        """The nearest marker wins, the others add to it."""
        assert cloudbase_emulator.env == "inner"
        assert cloudbase_session.tokens.expires_in == 60
        assert cloudbase_emulator.clock.wall() == 1_700_000_000


def test_names_of_the_kit() -> None:
    """The kit's names are loaded when asked for, and there are no others."""
    assert testing.User is User
    with pytest.raises(AttributeError, match="no attribute 'Mock'"):
        _ = testing.Mock
