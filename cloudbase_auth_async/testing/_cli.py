"""The command line: run the emulator until somebody says stop."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from typing import get_args

from cloudbase_auth_async.testing._emulator import Emulator
from cloudbase_auth_async.testing._values import CaptchaTokens, Dialect


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Serve until SIGINT or SIGTERM.

    Args:
        arguments: the command line's own unless given.

    Returns:
        The exit status: 0, or 1 if it cannot listen.
    """
    options = _parser().parse_args(arguments)
    try:
        emulator = Emulator(
            env=options.env,
            client_id=options.client_id,
            client_secret=options.client_secret,
            dialect=options.dialect,
            captcha_tokens=options.captcha_tokens,
            host=options.host,
            port=options.port,
            on_code=None if options.json else _show_code,
        )
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(emulator, as_json=options.json))
    except (OSError, OverflowError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        _say(f"cannot listen on {options.host}:{options.port}: {reason}", error=True)
        return 1
    return 0


async def _run(emulator: Emulator, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with emulator:
        for number in (signal.SIGINT, signal.SIGTERM):
            # Windows has no such handlers; there Ctrl-C arrives as KeyboardInterrupt.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.set)
        _announce(emulator, as_json=as_json)
        await stop.wait()


def _announce(emulator: Emulator, *, as_json: bool) -> None:
    facts = {
        "origin": emulator.origin,
        "base_url": emulator.base_url,
        "env": emulator.env,
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
    }
    if as_json:
        _say(json.dumps(facts))
        return
    _say("CloudBase Auth emulator, ready; Ctrl-C stops it, a browser shows what it does")
    for name, value in facts.items():
        _say(f"  {name:<13} {value}")


def _show_code(destination: str, code: str) -> None:
    _say(f"code for {destination}: {code}")


def _say(line: str, *, error: bool = False) -> None:
    # Flushed: who waits for the ready line reads it through a pipe.
    print(line, file=sys.stderr if error else sys.stdout, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cloudbase_auth_async.testing",
        description="A CloudBase Auth service on a loopback port, for tests.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument(
        "--json",
        action="store_true",
        help="one line of JSON when ready, and nothing else: codes are not shown either",
    )
    parser.add_argument("--dialect", choices=get_args(Dialect), default="both")
    parser.add_argument(
        "--captcha-tokens",
        choices=get_args(CaptchaTokens),
        default="once",
        help="how long one works; the official JavaScript client keeps it until it expires",
    )
    parser.add_argument("--env", default="demo-env", help="the environment id")
    parser.add_argument("--client-id", help="the environment id unless given")
    parser.add_argument("--client-secret", default="demo-secret")
    return parser
