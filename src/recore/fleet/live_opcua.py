"""Live samples over OPC UA: data changes of the variables of a server, one for each leg.

A leg is a variable named `Leg<n>` (or `Leg<n>Pressure`) somewhere below an object named `Support<m>`; its value is
the pressure in MPa, or in the unit of its property EngineeringUnits (bar, MPa). The source time stamp counts.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from recore.errors import BadInput
from recore.fleet.live_source import Address, Inbox, Incoming, missing
from recore.fleet.live_telegrams import MPA_PER_BAR, SAMPLE

CONNECT_S = 10.0
PUBLISHING_MS = 250
# values that the server keeps for a leg between two publications
QUEUED = 100
_DEPTH = 8
_RETRY_S = (0.5, 30.0)
_SUPPORT = re.compile(r"support[ _-]?(\d{1,5})", re.IGNORECASE)
_LEG = re.compile(r"leg[ _-]?(\d)(?:[ _-]?pressure)?", re.IGNORECASE)
_UNITS = {"mpa": 1.0, "bar": MPA_PER_BAR}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class OpcUaSource:
    """Client of a server, with a connection that it makes again when it breaks.

    Parameters
    ----------
    address : of the server
    inbox : see `source_of`
    """

    def __init__(self, address: Address, inbox: Inbox) -> None:
        try:
            import asyncua
            from asyncua.ua.uaerrors import UaError
        except ImportError:
            raise missing("asyncua") from None
        self._asyncua: Any = asyncua
        self._broken = (OSError, TimeoutError, UaError)
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # it says in the log what is told here anyway
        self.address, self.inbox = address, inbox
        self.reconnects, self.dropped = 0, 0
        self._legs: dict[Any, tuple[int, int, float]] = {}
        self._ready = threading.Event()
        self._ended: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._work, name="opcua", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._ended is not None:
            self._thread.join()
            raise self._ended

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread.ident is not None:
            self._thread.join(2 * CONNECT_S)

    def fault(self) -> BaseException | None:
        return self._ended

    def _work(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # handed to the thread that asks
            self._ended = error
        finally:
            self._ready.set()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        wait = _RETRY_S[0]
        while not self._stop.is_set():
            try:
                await self._session()
                wait = _RETRY_S[0]
            except BadInput:
                raise
            except self._broken as error:
                if not self._ready.is_set():
                    raise BadInput(
                        f"no OPC UA server answers: {error or type(error).__name__}",
                        where=self.address.shown,
                        right="check host, port and network",
                    ) from None
            if not self._stop.is_set():
                self.reconnects += 1
                await _either(self._stop, wait)
                wait = min(2 * wait, _RETRY_S[1])

    async def _session(self) -> None:
        """Listen until the connection breaks or the source is stopped."""
        assert self._stop is not None
        client = self._asyncua.Client(self.address.shown, timeout=CONNECT_S)
        if self.address.user:
            client.set_user(self.address.user)
            client.set_password(self.address.password or "")
        lost = asyncio.Event()

        async def gone(error: Exception) -> None:
            lost.set()

        client.connection_lost_callback = gone
        async with asyncio.timeout(3 * CONNECT_S):
            await client.connect()
        try:
            async with asyncio.timeout(12 * CONNECT_S):
                self._legs = await self._found(client)
                if not self._legs:
                    raise BadInput(
                        "no variable Leg<n> below an object Support<m>",
                        where=self.address.shown,
                        right="name them so, see docs/live.md",
                    )
                nodes = [client.get_node(name) for name in self._legs]
                subscription = await client.create_subscription(PUBLISHING_MS, self)
                await subscription.subscribe_data_change(nodes, queuesize=QUEUED)
            self._ready.set()
            waiting = [asyncio.create_task(event.wait()) for event in (lost, self._stop)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            if not lost.is_set():
                await subscription.delete()
        finally:
            with suppress(*self._broken):  # perhaps there is nobody to say goodbye to
                await asyncio.wait_for(client.disconnect(), CONNECT_S)

    async def _found(self, client: Any) -> dict[Any, tuple[int, int, float]]:
        """Variables of the legs: node id → support, leg, MPa per unit."""
        ua = self._asyncua.ua
        legs: dict[Any, tuple[int, int, float]] = {}
        level: list[tuple[Any, int | None]] = [(client.nodes.objects, None)]
        seen = {client.nodes.objects.nodeid, client.nodes.server.nodeid}
        for _ in range(_DEPTH):
            below: list[tuple[Any, int | None]] = []
            for node, support in level:
                for child in await node.get_children_descriptions():
                    if child.NodeId in seen:
                        continue
                    seen.add(child.NodeId)
                    name = child.BrowseName.Name or ""
                    found = _LEG.fullmatch(name)
                    if child.NodeClass == ua.NodeClass.Variable and found and support is not None:
                        factor = await self._factor(client.get_node(child.NodeId))
                        legs[child.NodeId] = support, int(found[1]), factor
                    elif child.NodeClass == ua.NodeClass.Object:
                        number = _SUPPORT.fullmatch(name)
                        below.append((client.get_node(child.NodeId), int(number[1]) if number else support))
            level = below
        return legs

    async def _factor(self, variable: Any) -> float:
        """MPa per unit of a variable."""
        for child in await variable.get_properties():
            if (await child.read_browse_name()).Name == "EngineeringUnits":
                unit = (await child.read_value()).DisplayName.Text or ""
                if unit.strip().lower() not in _UNITS:
                    raise BadInput(f"unit {unit!r}", where=str(variable), right="MPa or bar is wanted")
                return _UNITS[unit.strip().lower()]
        return 1.0

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Called by the client for every value."""
        support, leg, factor = self._legs[node.nodeid]
        item = data.monitored_item.Value
        stamp = item.SourceTimestamp or item.ServerTimestamp
        if not item.StatusCode.is_good():
            self._put(Incoming(rejected="quality not good"))
        elif stamp is None:
            self._put(Incoming(rejected="no time"))
        elif isinstance(value, bool) or not isinstance(value, int | float | None):
            self._put(Incoming(rejected="no pressure"))
        else:
            stamp = stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp
            p = math.nan if value is None else float(value) * factor
            row = ((stamp - _EPOCH) // _MICROSECOND, support, leg, p)
            self._put(Incoming(np.array([row], SAMPLE)))

    def _put(self, incoming: Incoming) -> None:
        """Hand over without waiting: a client that waits loses its connection."""
        self.dropped += not self.inbox.offer(incoming)


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than some seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
