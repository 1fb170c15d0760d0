"""A live face: samples over MQTT or OPC UA become load cycles as they come."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from recore.fleet.live_source import Address, Inbox, source_of
from recore.fleet.live_store import LiveStore, Settings
from recore.fleet.live_telegrams import Rejections

_SHOWN_S = 1.0
CHECKPOINT_S = 30.0
CHECKPOINT_SAMPLES = 1_000_000


def listen(
    url: str,
    folder: Path,
    *,
    seconds: float | None = None,
    settings: Settings | None = None,
    checkpoint_s: float = CHECKPOINT_S,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Listen to a face, keep what comes and find its cycles.

    Parameters
    ----------
    url : see `Address`
    folder : see `LiveStore`
    seconds : how long; None: until the process is told to stop
    settings : thresholds of the cycles, and how late a sample may come
    checkpoint_s : time between two checkpoints
    stop : when it is set, the stream ends as after `seconds`

    Returns
    -------
    what came, what was rejected and why, and how many cycles there are

    Raises
    ------
    BadInput : nobody answers at `url`, or `folder` cannot be used
    """
    address = Address.of(url)
    store = LiveStore(folder, settings or Settings())
    before = store.cycles
    telegrams, rejections = 0, Rejections()
    inbox = Inbox()
    source = None
    try:
        source = source_of(address, folder, inbox)
        source.start()
        store.show()  # who waits for the stream sees that it listens
        until = None if seconds is None else time.monotonic() + seconds
        shown = saved = time.monotonic()
        while source.fault() is None and (until is None or time.monotonic() < until):
            if stop is not None and stop.is_set():
                break
            came = inbox.drained()
            if came:
                telegrams += len(came)
                store.add(np.concatenate([item.samples for item in came]), now_us=time.time_ns() // 1000)
                for item in came:
                    if item.rejected:
                        rejections.add(item.rejected)
                    if item.done:
                        item.done()
            now = time.monotonic()
            if now - shown >= _SHOWN_S:
                shown = now
                store.show()
            if store.journalled and (now - saved >= checkpoint_s or store.journalled >= CHECKPOINT_SAMPLES):
                saved = now
                store.checkpoint()
        fault = source.fault()
        if fault is not None:
            raise fault
    finally:
        inbox.close()
        if source is not None:
            source.stop()
        store.close()
    return {
        "source": address.shown,
        "telegrams": telegrams,
        "rejected": rejections.total,
        "reasons": dict(sorted(rejections.reasons.items())),
        "reconnects": source.reconnects,
        "dropped": source.dropped + store.crowded,
        "legs": len(store.legs),
        **store.counts().json(),
        "cycles": store.cycles,
        "new_cycles": store.cycles - before,
    }
