"""Where live samples come from: an address, and what a source hands over."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import numpy as np

from recore.errors import BadInput
from recore.fleet.live_telegrams import SAMPLE, Samples

SCHEMES = {"mqtt": 1883, "mqtts": 8883, "opc.tcp": 4840}
PASSWORD = "RECORE_LIVE_PASSWORD"  # noqa: S105 - the name of a variable


@dataclass
class Incoming:
    """Something that came: samples, or why there are none.

    `done` is called when the samples are safe; the sender may then forget them.
    """

    samples: Samples = field(default_factory=lambda: np.empty(0, SAMPLE))
    rejected: str | None = None
    done: Callable[[], None] | None = None


# what waits to be read
QUEUED = 20_000
_AT_ONCE = 5_000


class Inbox:
    """A bounded queue from a source's thread to the reader's."""

    def __init__(self, size: int = QUEUED) -> None:
        self._queue: queue.Queue[Incoming] = queue.Queue(size)
        self._closed = threading.Event()

    def put(self, incoming: Incoming) -> bool:
        """Wait for room; False where the reader has gone."""
        while not self._closed.is_set():
            try:
                self._queue.put(incoming, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def offer(self, incoming: Incoming) -> bool:
        """Put it in if there is room."""
        try:
            self._queue.put_nowait(incoming)
        except queue.Full:
            return False
        return True

    def drained(self, wait_s: float = 0.1) -> list[Incoming]:
        """What is there, so that one write to the disk makes many telegrams safe; waits a while for the first."""
        came: list[Incoming] = []
        try:
            came.append(self._queue.get(timeout=wait_s))
            while len(came) < _AT_ONCE:
                came.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return came

    def close(self) -> None:
        """The reader goes."""
        self._closed.set()


class Source(Protocol):
    """Hands over what comes, in a thread of its own."""

    reconnects: int
    dropped: int

    def start(self) -> None:
        """Connect and listen.

        Raises
        ------
        BadInput : nobody answers there, or it is not what was expected
        """

    def stop(self) -> None:
        """Say goodbye; nothing is handed over after this."""

    def fault(self) -> BaseException | None:
        """What ended the source, if something did."""


@dataclass(frozen=True)
class Address:
    """A live address: mqtt://[USER@]HOST[:PORT][/TOPIC], mqtts://… or opc.tcp://[USER@]HOST[:PORT][/PATH]."""

    scheme: str
    host: str
    port: int
    path: str
    user: str | None
    password: str | None

    @classmethod
    def of(cls, url: str) -> Address:
        """Read an address; the password may stand in RECORE_LIVE_PASSWORD.

        Raises
        ------
        BadInput : no address of a known kind
        """
        right = "mqtt://HOST[:PORT][/TOPIC], mqtts://… or opc.tcp://HOST[:PORT][/PATH] is wanted"
        try:
            parts: SplitResult = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError as error:
            raise BadInput(f"{url!r}: {error}", where="URL", right=right) from None
        if parts.scheme not in SCHEMES or not host:
            raise BadInput(f"{url!r}", where="URL", right=right)
        return cls(
            parts.scheme,
            host,
            port or SCHEMES[parts.scheme],
            unquote(parts.path.lstrip("/")),
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else os.environ.get(PASSWORD),
        )

    @property
    def shown(self) -> str:
        """The address without its secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/{self.path}"


def source_of(address: Address, folder: Path, inbox: Inbox) -> Source:
    """The source at an address.

    Parameters
    ----------
    address : where
    folder : whose stream it feeds; names the subscriber, so that the broker keeps for it what it misses
    inbox : takes what comes
    """
    if address.scheme == "opc.tcp":
        from recore.fleet.live_opcua import OpcUaSource

        return OpcUaSource(address, inbox)
    from recore.fleet.live_mqtt import MqttSource

    return MqttSource(address, folder, inbox)


def missing(module: str) -> BadInput:
    """The library of a source is not installed."""
    return BadInput(f"{module} is not installed", where="live", right="pip install 'recore[live]'")
