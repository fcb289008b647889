"""Many calls at once: one dialog at a time, one in all where the demand goes away."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import errors

PASSWORD = "Passw0rd!"


async def test_twenty_sign_ins(scene: Any) -> None:
    """After five wrong passwords, twenty sign-ins at once show one picture (B36)."""
    await scene.wrong_passwords()
    answers = await asyncio.gather(
        *(scene.auth.sign_in.password("alice", PASSWORD) for _ in range(20))
    )
    assert len({each.access_token for each in answers}) == 20
    assert (len(scene.person.shown), len(scene.tokens)) == (1, 1)


async def test_demand_that_stays(scene: Any) -> None:
    """Where every call is demanded one, each has its own picture, and its token is used once."""
    scene.demand()
    answers = await asyncio.gather(*(scene.send() for _ in range(8)))
    assert len({each.verification_id for each in answers}) == 8
    assert len(scene.person.shown) == len(scene.tokens) == len(set(scene.tokens)) == 8


async def test_first_come_first_served(scene: Any) -> None:
    """The line is kept: who was demanded first has the first picture (B36)."""
    scene.demand()
    scene.person.thinks.clear()
    done: list[int] = []

    async def caller(number: int) -> None:
        await scene.send()
        done.append(number)

    tasks = []
    for number in range(6):
        tasks.append(asyncio.create_task(caller(number)))
        await scene.in_line(number + 1)
    scene.person.thinks.set()
    await asyncio.gather(*tasks)
    assert done == list(range(6))


async def test_who_waited_asks_again_first(scene: Any) -> None:
    """A call that waited is made once more without a token before it costs a picture (B36)."""
    scene.demand()
    tasks = await scene.lined_up(4)
    scene.relent()
    scene.person.thinks.set()
    await asyncio.gather(*tasks)
    assert (len(scene.person.shown), len(scene.tokens)) == (1, 1)
    assert [entry.status for entry in scene.sent()] == [400] * 4 + [200] * 4


async def test_different_calls_share_one_line(scene: Any) -> None:
    """Two calls of different kinds do not open two dialogs (B36)."""
    scene.demand()
    scene.demand("GET /user/me")
    session = scene.auth.session(await scene.auth.sign_in.password("alice", PASSWORD))
    sent, me = await asyncio.gather(scene.send(), session.user.me())
    assert (sent.expires_in, me.username) == (600, "alice")
    assert (len(scene.person.shown), scene.person.most_at_once) == (2, 1)


async def test_calls_without_a_demand_do_not_wait(scene: Any) -> None:
    """While a dialog is open, what needs no captcha goes on."""
    scene.demand()
    scene.person.thinks.clear()
    waiting = asyncio.create_task(scene.send())
    await scene.looking()
    assert await scene.auth.sign_in.password("alice", PASSWORD)
    scene.person.thinks.set()
    assert await waiting


async def test_another_failure_of_the_repetition(scene: Any, kit: Any) -> None:
    """What the call ends in with its token is raised as it is, and the next one's turn begins."""
    await scene.wrong_passwords()
    wrong, right = await asyncio.gather(
        kit.failure(scene.auth.sign_in.password("alice", "wrong again")),
        scene.auth.sign_in.password("alice", PASSWORD),
    )
    assert isinstance(wrong, errors.InvalidCredentials)
    assert right.access_token
    assert len(scene.person.shown) == len(set(scene.tokens)) == 2


async def test_time_of_the_call_begins_anew(kit: Any) -> None:
    """The person may take minutes: the repetition has the whole timeout (B36)."""
    async with kit.opened({"timeout": 20.0}) as scene:

        async def slowly(picture: Any) -> str:
            scene.emulator.clock.advance(250)
            return str(scene.emulator.captchas[picture.token])

        scene.demand()
        scene.person.says = [slowly]
        assert await scene.send()


async def test_no_frames_and_no_context(scene: Any, kit: Any) -> None:
    """What is raised in the end carries no frame of ours and no other error."""
    scene.demand()
    scene.person.says = [None]
    error = await kit.failure(scene.send())
    assert error.__context__ is None
    assert error.__cause__ is None
    names = []
    frames = error.__traceback__
    while frames is not None:
        names.append(frames.tb_frame.f_code.co_filename)
        frames = frames.tb_next
    assert not [name for name in names if name.endswith(("_captcha.py", "_pipeline.py"))]


@pytest.mark.parametrize("number", [4001, 4002], ids=["required", "invalid"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 500])
async def test_any_status(scene: Any, status: int, number: int) -> None:
    """Nobody says which HTTP status a demand has: the name decides, whatever forms a call has."""
    name = {4001: "captcha_required", 4002: "captcha_invalid"}[number]
    body = {"error": name, "error_code": number, "error_description": "captcha_token"}
    for route in ("POST /signin-anonymously", "GET /token/introspect", "POST /revoke"):
        scene.emulator.faults.add(route, "status", status=status, body=body)
    anonymous = await scene.auth.sign_in.anonymously()
    assert (await scene.auth.token.introspect(anonymous.access_token)).active
    await scene.auth.token.revoke(anonymous.access_token)
    assert len(scene.person.shown) == 3
    assert not [e for e in scene.emulator.journal if e.route == "POST /signin/anonymously"]


async def test_demand_does_not_look_like_a_dead_token(kit: Any) -> None:
    """A captcha on the second form of an introspection does not make a live token inactive."""
    async with kit.opened(dialect="documented") as scene:
        token = (await scene.auth.sign_in.password("alice", PASSWORD)).access_token
        scene.demand("GET /token/introspect", after=1)
        scene.person.says = [None]
        error = await kit.failure(scene.auth.token.introspect(token))
        assert isinstance(error, errors.CaptchaRequired)
        scene.relent("GET /token/introspect")
        assert (await scene.auth.token.introspect(token)).active


async def test_first_form_does_not_use_the_token_up(kit: Any) -> None:
    """A service that speaks the documented contract alone is sent a token in its own form."""
    async with kit.opened(dialect="documented") as scene:
        scene.demand()
        assert await scene.send()
        assert [entry.json.get("target") for entry in scene.sent()] == [None, "ANY"]
        assert await scene.send()
        assert [entry.json.get("target") for entry in scene.sent()[2:]] == ["ANY", "ANY"]
        assert len(scene.person.shown) == len(set(scene.tokens)) == 2


async def test_refusal_that_looks_like_a_missing_route(scene: Any, kit: Any) -> None:
    """What the call is refused with is found out, though each form uses a token up."""
    scene.demand("DELETE /user/providers/{provider_id}")
    scene.demand("DELETE /user/provider/{provider_id}")
    session = scene.auth.session(await scene.auth.sign_in.password("alice", PASSWORD))
    error = await kit.failure(session.providers.unbind("nobody"))
    assert isinstance(error, errors.NotFound)
    assert len(scene.person.shown) == len(set(scene.tokens)) == 2


@pytest.mark.parametrize("secret", ["demo-secret", None])
async def test_forms_of_a_revocation(kit: Any, secret: str | None) -> None:
    """With Basic, or with the token as bearer: the revocation is made, captcha or not."""
    async with kit.opened({"client_secret": secret}, dialect="documented") as scene:
        scene.demand("POST /revoke")
        token = (await scene.auth.sign_in.password("alice", PASSWORD)).access_token
        await scene.auth.token.revoke(token)
        assert not (await scene.auth.token.introspect(token)).active
        assert len(set(scene.tokens)) == len(scene.person.shown) <= 2
