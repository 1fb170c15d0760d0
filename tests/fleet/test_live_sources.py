"""A face is listened to over a real MQTT broker and a real OPC UA server on the loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from recore.cli_fleet_live import add
from recore.errors import BadInput
from recore.fleet.live import listen
from recore.fleet.live_source import Address, Inbox, Incoming, source_of
from recore.fleet.live_store import Settings
from recore.fleet.live_telegrams import SAMPLE, Place, Rejected, Rejections, place_of, samples_of
from recore.simulate.supports import Longwall, LongwallFace

LONG = 60.0  # s; a limit that only a hanging test meets
FACE = Longwall(
    supports=1, days=0.1, interval_s=10.0, low_s=(30.0, 50.0), faults=("none",), shear_min=(20.0, 30.0),
    power_gaps_per_week=0, support_gaps_per_week=0, begin="2026-03-02", maintenance_h=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def loop():
    """An event loop in a thread of its own, for servers."""
    logging.disable(logging.CRITICAL)
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever, daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, made).result(LONG)

    async def ended():
        """Tasks that a server left behind are cancelled."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    try:
        yield run
    finally:
        run(ended())
        made.call_soon_threadsafe(made.stop)
        thread.join(LONG)
        made.close()
        logging.disable(logging.NOTSET)


@contextmanager
def broker_of(loop):
    """Port of a running broker: Mosquitto where it is installed, else one in this process."""
    if shutil.which("mosquitto"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(["mosquitto", "-p", str(port)], stderr=subprocess.DEVNULL)
        try:
            _until(lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)
            yield port
        finally:
            process.terminate()
            process.wait(LONG)
        return
    from amqtt.broker import Broker

    async def start():
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await broker.start()
        return broker

    broker = loop(start())
    try:
        yield broker._servers["default"].instance.sockets[0].getsockname()[1]
    finally:
        loop(broker.shutdown())


@pytest.fixture(scope="module")
def broker(loop):
    with broker_of(loop) as port:
        yield port


def _until(holds):
    limit = time.monotonic() + LONG
    while time.monotonic() < limit:
        try:
            if holds():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def publish(port, telegrams):
    """Send telegrams with quality of service 1, and wait until the broker has them."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        for sent in [client.publish(topic, payload, qos=1) for topic, payload in telegrams]:
            sent.wait_for_publish(LONG)
    finally:
        client.disconnect()
        client.loop_stop()


def telegrams_of(face):
    """One batch of samples of both legs in each telegram, and the log they make."""
    logs = list(face.log())
    telegrams = []
    for table in logs:
        rows = table.to_pydict()
        for k in range(0, table.num_rows, 60):
            part = slice(k, k + 60)
            body = {
                "ts": [t.isoformat() for t in rows["ts"][part]],
                "pressure_mpa": [round(v, 3) for v in rows["pressure_mpa"][part]],
            }
            telegrams.append((f"a/supports/{rows['support'][0]}/{rows['leg'][0]}", json.dumps(body)))
    return telegrams, sum(t.num_rows for t in logs)


def test_a_face_over_mqtt(tmp_path, broker):
    face = LongwallFace(3, FACE)
    telegrams, rows = telegrams_of(face)
    bad = [("a/supports/1/1", "no JSON"), ("a/supports/x", '{"leg": 1}'), ("a/supports/1/1", "[7]")]
    sent = [*telegrams[:20], *bad, *telegrams[20:], telegrams[3]]
    with listening(f"mqtt://127.0.0.1:{broker}/a/supports/%23", tmp_path) as told:
        publish(broker, sent)
        _until(lambda: journalled(tmp_path, 1) >= rows + 60)
    assert told["telegrams"] == len(sent)
    assert told["reasons"] == {"no support": 1, "not JSON": 1, "not an object": 1}
    assert told["rejected"] == 3
    assert told["legs"] == 2
    assert told["dropped"] == told["clock"] == told["nan"] == told["reconnects"] == 0
    # the newest samples of each leg still wait for older ones
    assert rows - 4 <= told["samples"] <= rows
    assert told["repeated"] + told["late"] == 60
    true = face.cycles()
    found = pq.read_table(tmp_path / "cycles.parquet")
    assert found.num_rows == told["cycles"] == told["new_cycles"] == true.num_rows > 4
    apart = found["start"].to_numpy() - true["start"].to_numpy()
    assert np.abs(apart / np.timedelta64(1, "s")).max() <= 10
    # the same once more: nothing counts twice
    with listening(f"mqtt://127.0.0.1:{broker}/a/supports/%23", tmp_path) as again:
        publish(broker, telegrams)
        _until(lambda: journalled(tmp_path, 2) >= rows)
    assert again["samples"] == told["samples"]
    assert (again["cycles"], again["new_cycles"]) == (told["cycles"], 0)


def journalled(folder, number):
    """Samples in a journal."""
    return (folder / "journal" / f"{number:08d}.bin").stat().st_size // SAMPLE.itemsize


@contextmanager
def listening(url, folder):
    """What `listen` told at its end; it runs within the block."""
    stop, told, failed = threading.Event(), {}, []
    live = folder / "live.json"
    live.unlink(missing_ok=True)

    def work():
        try:
            told.update(listen(url, folder, seconds=LONG, settings=Settings(yield_mpa=42.0), stop=stop))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        _until(lambda: live.exists() or failed)
        yield told
    finally:
        stop.set()
        thread.join(2 * LONG)
    assert not failed


def test_mqtt_goes_on_after_the_broker_went_away(tmp_path, loop):
    inbox = Inbox()
    with broker_of(loop) as port:
        source = source_of(Address.of(f"mqtt://127.0.0.1:{port}"), tmp_path, inbox)
        source.start()
        try:
            publish(port, [("f/supports/4/2", '{"ts": 1772409600000, "pressure_bar": 250}')])
            (came,) = _came(inbox, 1)
            came.done()
            assert came.samples.tolist() == [(1_772_409_600_000_000, 4, 2, 25.0)]
            assert source.reconnects == 0
            # the connection breaks; the client makes it again by itself
            source._client._sock.shutdown(socket.SHUT_RDWR)
            _until(lambda: source.reconnects == 1)
            _until(source._client.is_connected)
            publish(port, [("f/supports/4/2", '{"ts": 1772409601000, "pressure_mpa": 26}')])
            assert _came(inbox, 1)[0].samples["p"][0] == 26
        finally:
            inbox.close()
            source.stop()


def _came(inbox, count):
    came = []
    limit = time.monotonic() + LONG
    while len(came) < count and time.monotonic() < limit:
        came += inbox.drained()
    assert len(came) == count
    return came


def test_a_broker_that_refuses_is_said_so(tmp_path, broker, monkeypatch):
    import paho.mqtt.client as mqtt
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.reasoncodes import ReasonCode

    monkeypatch.setenv("RECORE_LIVE_PASSWORD", "wrong")
    for callback, packet, code in (
        ("on_connect", PacketTypes.CONNACK, "Not authorized"),
        ("on_subscribe", PacketTypes.SUBACK, "Not authorized"),
    ):
        source = source_of(Address.of(f"mqtt://me@127.0.0.1:{broker}"), tmp_path, Inbox())
        answer, refusal = getattr(source._client, callback), ReasonCode(packet, code)
        if callback == "on_connect":
            source._client.on_connect = lambda *given, a=answer, r=refusal: a(*given[:3], r, None)
        else:
            source._client.on_subscribe = lambda *given, a=answer, r=refusal: a(*given[:3], [r], None)
        with pytest.raises(BadInput, match="Not authorized"):
            source.start()
        assert source.fault() is None
    # what comes while the source is stopped is not acknowledged, so that it comes again
    source._came(source._client, None, mqtt.MQTTMessage())
    assert source.inbox.drained(0.01) == []
    assert source_of(Address.of("mqtts://host"), tmp_path, Inbox())._client._ssl is True


def test_nobody_answers(tmp_path):
    with socket.socket() as free:  # bound, but nobody listens there
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        for url, what in (
            (f"mqtt://127.0.0.1:{port}", "no MQTT broker"),
            (f"opc.tcp://127.0.0.1:{port}", "no OPC UA"),
        ):
            with pytest.raises(BadInput, match=what):
                listen(url, tmp_path / url[:3], seconds=1)


@pytest.fixture(scope="module")
def server(loop):
    """An OPC UA server with two legs: port, and how to set a leg's pressure."""
    import asyncua
    from asyncua import ua

    async def start():
        made = asyncua.Server()
        await made.init()
        made.set_endpoint("opc.tcp://127.0.0.1:0")
        made.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        space = await made.register_namespace("urn:face")
        folder = await made.nodes.objects.add_folder(space, "Face7")
        support = await folder.add_object(space, "Support12")
        legs = [await support.add_variable(space, f"Leg{n}", 0.0) for n in (1, 2)]
        legs.append(await support.add_variable(space, "Leg 3 pressure", "none"))
        await legs[1].add_property(
            space, "EngineeringUnits", ua.EUInformation(DisplayName=ua.LocalizedText("bar"))
        )
        await support.add_variable(space, "Stroke", 0.4)
        await made.start()
        return made, legs

    made, legs = loop(start())
    port = made.bserver._server.sockets[0].getsockname()[1]

    def tell(leg, seconds, value, status=0):
        stamp = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=float(seconds))
        variant = ua.Variant(value, ua.VariantType.Double) if isinstance(value, float) else ua.Variant(value)
        data = ua.DataValue(variant, ua.StatusCode(status), SourceTimestamp=stamp)
        loop(legs[leg - 1].write_value(data))

    try:
        yield port, tell, made
    finally:
        loop(made.stop())


def test_a_face_over_opc_ua(tmp_path, server):
    port, tell, _ = server
    inbox = Inbox()
    source = source_of(Address.of(f"opc.tcp://127.0.0.1:{port}/"), tmp_path, inbox)
    source.start()
    try:
        _came(inbox, 3)  # the values that are there
        for second in range(5):
            tell(1, second, 20.0 + second)
        tell(2, 0, 250.0)
        tell(3, 1, "much")
        tell(2, 2, 1.0, status=0x80000000)
        came = _came(inbox, 8)
    finally:
        inbox.close()
        source.stop()
    samples = np.concatenate([item.samples for item in came])
    begin = 1_772_409_600_000_000
    one = samples[samples["leg"] == 1]
    assert one["ts"].tolist() == [begin + k * 1_000_000 for k in range(5)]
    assert one["p"].tolist() == [20.0, 21.0, 22.0, 23.0, 24.0]
    assert samples[samples["leg"] == 2].tolist() == [(begin, 12, 2, 25.0)]
    assert sorted(filter(None, (item.rejected for item in came))) == ["no pressure", "quality not good"]
    assert source.fault() is None
    assert source.dropped == 0


def test_opc_ua_connects_again(tmp_path, server, loop, monkeypatch):
    monkeypatch.setattr("recore.fleet.live_opcua._RETRY_S", (0.05, 0.05))
    port, tell, made = server
    inbox = Inbox(1)
    source = source_of(Address.of(f"opc.tcp://127.0.0.1:{port}/"), tmp_path, inbox)
    source.start()
    try:
        _until(lambda: source.dropped == 2)  # the inbox had room for one of three

        async def cut():
            for client in list(made.bserver.clients):
                client.transport.abort()

        loop(cut())
        _until(lambda: source.reconnects >= 1)
        _came(inbox, 1)
        _until(lambda: source.dropped >= 4)
        tell(1, 20, 33.0)
        _until(lambda: any(33.0 in item.samples["p"] for item in inbox.drained()))
    finally:
        inbox.close()
        source.stop()


def test_an_opc_ua_server_without_legs_is_refused(tmp_path, server, monkeypatch):
    monkeypatch.setattr("recore.fleet.live_opcua._DEPTH", 1)
    with pytest.raises(BadInput, match="no variable Leg"):
        listen(f"opc.tcp://127.0.0.1:{server[0]}", tmp_path, seconds=1)


def test_the_command(tmp_path, server):
    for leg in (1, 2):
        server[1](leg, 10, 250.0)
    app = typer.Typer()
    add(app)
    app.callback()(lambda: None)
    words = ["live", f"opc.tcp://127.0.0.1:{server[0]}", "--out", str(tmp_path), "--seconds", "0.5"]
    told = CliRunner().invoke(app, [*words, "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["legs"] == 2  # the third has no numbers
    shown = CliRunner().invoke(app, words)
    assert "cycles" in shown.stdout
    assert {path.name for path in tmp_path.iterdir()} >= {"cycles.parquet", "live.json", "checkpoint.npz"}


def test_what_a_telegram_may_be():
    stamp = 1_772_409_600_000_000
    one = b'{"support": 3, "leg": 1, "ts": "2026-03-02T00:00:00Z", "pressure_mpa": 25.5}'
    assert samples_of(one).tolist() == [(stamp, 3, 1, 25.5)]
    batch = b'{"ts": [1772409600000, 1772409601000], "pressure_mpa": [1, null]}'
    assert place_of("mine/face7/supports/12/2") == Place(12, 2)
    assert place_of("mine/face7") is None
    rows = samples_of(batch, Place(12, 2))
    assert rows["ts"].tolist() == [stamp, stamp + 1_000_000]
    assert np.isnan(rows["p"][1])
    assert len(samples_of(b"[" + one + b"," + one + b"]")) == 2


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[1]", "not an object"),
        (b'{"leg": 1, "ts": 0, "pressure_mpa": 1}', "no support"),
        (b'{"support": true, "leg": 1, "ts": 0, "pressure_mpa": 1}', "no support"),
        (b'{"support": 1, "leg": 0, "ts": 0, "pressure_mpa": 1}', "no leg"),
        (b'{"support": 1, "leg": 1, "pressure_mpa": 1}', "no time"),
        (b'{"support": 1, "leg": 1, "ts": "noon", "pressure_mpa": 1}', "no time"),
        (
            b'{"support": 1, "leg": 1, "ts": "2026-03-02T00:00:00", "pressure_mpa": 1}',
            "a time without its zone",
        ),
        (b'{"support": 1, "leg": 1, "ts": 0, "pressure_mpa": "1"}', "no pressure"),
        (b'{"support": 1, "leg": 1, "ts": 0, "pressure_mpa": true}', "no pressure"),
        (b'{"support": 1, "leg": 1, "ts": [0], "pressure_mpa": [1, 2]}', "as many times"),
        (b'{"support": 1, "leg": 1, "ts": [0], "pressure_mpa": 1}', "as many times"),
        (b" " * (2**20 + 1), "too long"),
        (
            json.dumps({"support": 1, "leg": 1, "ts": [0] * 11, "pressure_mpa": [1] * 11}).encode(),
            "too many",
        ),
    ],
    ids=range(15),
)
def test_a_bad_telegram_says_why(payload, why, monkeypatch):
    monkeypatch.setattr("recore.fleet.live_telegrams.MAX_SAMPLES", 10)
    with pytest.raises(Rejected, match=why):
        samples_of(payload)


def test_reasons_are_bounded():
    rejections = Rejections()
    for k in range(100):
        rejections.add(f"reason {k}")
    assert rejections.total == 100
    assert len(rejections.reasons) == 51


def test_the_inbox_is_bounded():
    inbox = Inbox(2)
    assert inbox.offer(Incoming())
    assert inbox.put(Incoming())
    assert not inbox.offer(Incoming())
    inbox.close()
    assert not inbox.put(Incoming())
    assert len(inbox.drained()) == 2
    assert inbox.drained(0.01) == []


@pytest.mark.parametrize("url", ["http://host", "mqtt://", "mqtt://host:x", "host", "mqtt://[::1"])
def test_an_address_must_be_one(url):
    with pytest.raises(BadInput, match=r"mqtt://HOST"):
        Address.of(url)


def test_an_address_hides_its_secret(monkeypatch):
    monkeypatch.setenv("RECORE_LIVE_PASSWORD", "hidden")
    address = Address.of("mqtts://user@host/a/%23")
    assert (address.user, address.password, address.port, address.path) == ("user", "hidden", 8883, "a/#")
    assert address.shown == "mqtts://host:8883/a/#"
