"""Live samples over MQTT: one JSON telegram per message, quality of service 1.

The subscriber has a name and a session that the broker keeps, and a message is acknowledged only when its samples are
safe: what comes while the process is down or busy is delivered afterwards, now and then twice.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

from recore.errors import BadInput
from recore.fleet.live_source import Address, Inbox, Incoming, missing
from recore.fleet.live_telegrams import Rejected, place_of, samples_of

TOPIC = "+/supports/#"
CONNECT_S = 10.0
KEEPALIVE_S = 30
# messages under way at once; the broker holds back the rest
_IN_FLIGHT = 2000


class MqttSource:
    """Subscriber of a broker.

    Parameters
    ----------
    address : its path is the topic filter, `+/supports/#` where empty
    folder : see `source_of`
    inbox : see `source_of`
    """

    def __init__(self, address: Address, folder: Path, inbox: Inbox) -> None:
        try:
            import paho.mqtt.client as mqtt
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise missing("paho-mqtt") from None
        self.address, self.inbox = address, inbox
        self.topic = address.path or TOPIC
        self.reconnects, self.dropped = -1, 0
        name = hashlib.sha256(f"{folder.resolve()} {self.topic}".encode()).hexdigest()[:16]
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"recore{name}", clean_session=False, manual_ack=True
        )
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        self._client.reconnect_delay_set(1, 30)
        if address.user:
            self._client.username_pw_set(address.user, address.password)
        if address.scheme == "mqtts":
            self._client.tls_set()
        self._client.on_connect = self._connected
        self._client.on_message = self._came
        self._client.on_subscribe = self._subscribed
        self._ready = threading.Event()
        self._refused: str | None = None
        self._stopping = False

    def start(self) -> None:
        where = self.address.shown
        try:
            self._client.connect(self.address.host, self.address.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise BadInput(
                f"no MQTT broker answers: {error}", where=where, right="check host, port and network"
            ) from None
        self._client.loop_start()
        if not self._ready.wait(CONNECT_S) or self._refused:
            self.stop()
            raise BadInput(
                f"the MQTT broker does not let us in: {self._refused or 'no answer'}",
                where=where,
                right="check user, RECORE_LIVE_PASSWORD and topic",
            )

    def stop(self) -> None:
        self._stopping = True
        self._client.disconnect()
        self._client.loop_stop()

    def fault(self) -> BaseException | None:
        return None  # the client connects again by itself

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refused = str(reason)
            self._ready.set()
            return
        self.reconnects += 1
        client.subscribe(self.topic, qos=1)

    def _subscribed(self, client: Any, userdata: Any, mid: int, reasons: Any, properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refused = f"{self.topic}: {reasons[0]}"
        self._ready.set()

    def _came(self, client: Any, userdata: Any, message: Any) -> None:
        if self._stopping:
            return  # not acknowledged, so it comes again

        def done() -> None:
            client.ack(message.mid, message.qos)

        try:
            incoming = Incoming(samples_of(message.payload, place_of(message.topic)), done=done)
        except Rejected as error:
            incoming = Incoming(rejected=str(error), done=done)
        self.inbox.put(incoming)
