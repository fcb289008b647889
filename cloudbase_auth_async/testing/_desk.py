"""
What every skin does with a request, whatever carried it: note it, meet a fault, answer, date it.

The waits and the broken connections are the skins' own.
"""

import email.utils
from collections.abc import Callable

import attrs

from cloudbase_auth_async.testing._control import Control
from cloudbase_auth_async.testing._core import handle
from cloudbase_auth_async.testing._faults import Fault
from cloudbase_auth_async.testing._routes import find
from cloudbase_auth_async.testing._stand_ins import stood_in
from cloudbase_auth_async.testing._values import Request, Response


@attrs.frozen(kw_only=True)
class Visit:
    """One request, the number the journal knows it by, and the fault it meets."""

    request: Request
    number: int
    fault: Fault | None


class Desk:
    """Takes requests in and answers them, on the emulator's clock."""

    __slots__ = ("_after_each", "_control", "_date", "_date_skew")

    def __init__(
        self, control: Control, *, date_skew_seconds: float, after_each: Callable[[], None]
    ) -> None:
        self._control = control
        self._date_skew = date_skew_seconds
        self._after_each = after_each
        self._date = (-1, "")

    def arrived(self, request: Request, connection: int | None = None) -> Visit:
        """Note a request and the number of its connection, and choose its fault."""
        route = find(request.method, request.path, self._control.state.settings.dialect).route
        template, name = (None, None) if route is None else (route.template, route.name)
        return Visit(
            request=request,
            number=self._control.journal.arrived(
                request, template, connection, self._control.clock.wall()
            ),
            fault=self._control.faults.take(name),
        )

    def answer(self, visit: Visit) -> Response:
        """Let the service handle a request, unless its fault keeps it from that."""
        fault = visit.fault
        response = Response(status=503)
        if fault is None or fault.commits:
            response = handle(visit.request, self._control.state, self._control.clock.wall())
            self._after_each()
        if fault is not None:
            response = stood_in(fault, response, self._now())
        return self.dated(response)

    def answered(self, visit: Visit, response: Response) -> Response:
        """Note that an answer is on its way, and return it."""
        self._control.journal.answered(visit.number, response.status)
        return response

    def dated(self, response: Response) -> Response:
        """Return an answer with its `Date` header."""
        second = int(self._now())
        if second != self._date[0]:
            self._date = second, email.utils.formatdate(second, usegmt=True)
        date = ("Date", self._date[1])
        return attrs.evolve(response, headers=(*response.headers, date))

    def _now(self) -> float:
        return self._control.clock.wall() + self._date_skew
