"""The client against a server on loopback: pages, tokens, trouble, and strangers that want the token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from recore.errors import BadInput
from recore.fleet.aemp.client import Client, Credentials
from recore.fleet.aemp.identity import Machine
from recore.fleet.aemp.normalise import Normaliser
from recore.simulate.aemp_server import Server
from recore.simulate.telematics import START, Fleet, Telegrams, telegrams

SECRET = "s3cret-of-the-fleet"
ME = Credentials("recore", SECRET)


@pytest.fixture(scope="module")
def fleet() -> Telegrams:
    return telegrams(1, Fleet(machines=12, days=12))


def pages(client: Client, address: str) -> Normaliser:
    normaliser = Normaliser(datetime.now(UTC))
    for page in client.documents(address):
        normaliser.document(page.shreds(), page.name, page.machine)
    return normaliser


@pytest.mark.parametrize("accept", ["application/xml", "application/json"])
def test_a_fleet_page_by_page_with_tokens_that_run_out(fleet: Telegrams, accept: str) -> None:
    with (
        Server(fleet, page_size=5, client=("recore", SECRET), busy_every=4, tokens_last=2) as server,
        Client(server.address + "/Fleet", ME, accept=accept, pause_s=0.01) as client,
    ):
        normaliser = pages(client, server.address + "/Fleet/1")
        snapshot = normaliser.finish()
        assert (snapshot.readings.num_rows, snapshot.rejected) == (12, [])
        for row in snapshot.machines.to_pylist():
            machine = Machine(*(row[name] or "" for name in Machine._fields))
            for resource in ("CumulativeOperatingHours", "Locations", "FaultCode"):
                for page in client.series(machine, resource, START, START + timedelta(days=30)):
                    normaliser.document(page.shreds(), page.name, page.machine)
        found = normaliser.finish()
        assert found.readings.num_rows == len(fleet.machine)
        assert found.events.num_rows == len(fleet.machine)
        assert len(server.tokens) > 3


def test_no_token_no_fleet(fleet: Telegrams) -> None:
    with Server(fleet, client=("recore", SECRET)) as server:
        address = server.address + "/Fleet/1"
        with pytest.raises(BadInput, match="401"), Client(address) as client:
            list(client.documents(address))
        with (
            pytest.raises(BadInput, match="no token") as told,
            Client(address, Credentials("recore", "wrong-one")) as client,
        ):
            list(client.documents(address))
        assert "wrong-one" not in str(told.value)
        assert "wrong-one" not in repr(Credentials("recore", "wrong-one"))


def test_the_token_stays_with_its_server(fleet: Telegrams) -> None:
    with Server(fleet) as stranger:
        elsewhere = stranger.address + "/Fleet/2"
        with (
            Server(fleet, page_size=5, client=("recore", SECRET), elsewhere=elsewhere) as server,
            pytest.raises(BadInput, match="another server"),
            Client(server.address, ME) as client,
        ):
            list(client.documents(server.address + "/Fleet/1"))
        assert stranger.requests == []


def test_a_busy_server_is_asked_again_and_a_silent_one_is_told(fleet: Telegrams) -> None:
    with Server(fleet, busy_every=1) as server:
        address = server.address + "/Fleet/1"
        with pytest.raises(BadInput, match="503"), Client(address, pause_s=0.001) as client:
            list(client.documents(address))
        assert len(server.requests) == 5
    with pytest.raises(BadInput, match="does not answer"), Client(address, pause_s=0.001) as client:
        list(client.documents(address))


@pytest.mark.parametrize("address", ["ftp://x/Fleet", "http:///Fleet", "https://x:99999/Fleet"])
def test_addresses(address: str) -> None:
    with pytest.raises(BadInput, match="no address"):
        Client(address)


def test_a_page_that_links_to_itself_ends(fleet: Telegrams) -> None:
    import httpx

    body = b"<Fleet><Links><rel>next</rel><href>/Fleet/0</href></Links></Fleet>"
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    with Client("https://host/Fleet/0", transport=transport) as client:
        assert len(list(client.documents("https://host/Fleet/0"))) == 1


def test_ingest_from_a_server_twice_and_a_document_cut_in_its_middle(
    fleet: Telegrams, recore: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORE_AEMP_CLIENT_ID", "recore")
    monkeypatch.setenv("RECORE_AEMP_CLIENT_SECRET", SECRET)
    with Server(fleet, page_size=5, client=("recore", SECRET)) as server:
        address = server.address + "/Fleet/1"
        for new in (12, 0):
            done = recore("fleet", "ingest", address, "--format", "aemp", "--json")
            assert done.status == 0, done.err
            assert {k: done.json[k] for k in ("machines", "readings", "new_readings")} == {
                "machines": 12,
                "readings": 12,
                "new_readings": new,
            }
    with Server(fleet, client=("recore", SECRET), cut=True) as server:
        done = recore("fleet", "ingest", server.address + "/Fleet/1", "--json")
        assert (done.status, done.out) == (2, "")
        assert "/aemp/Fleet/1: not well-formed" in done.err
        assert SECRET not in done.err
    assert np.unique(fleet.machine).size == 12
