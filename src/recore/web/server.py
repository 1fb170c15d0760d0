"""Run the application on this machine, together with the workers for its jobs."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
from pathlib import Path

from recore.errors import BadInput
from recore.web.security import LOCAL_HOSTS


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    database: str | None = None,
    store: str | None = None,
    allowed_hosts: tuple[str, ...] = (),
    live: Path | None = None,
    signed_rules: Path | None = None,
) -> None:
    """Serve pages and JSON API until interrupted.

    Parameters
    ----------
    host : address to listen on; anything but this machine itself is open to the network, without a login
    port : 0 takes a free one
    database, store : as in `Workspace.open`
    allowed_hosts : further host names under which the server may be asked for
        (also RECORE_ALLOWED_HOSTS, separated by commas)
    live : folder that a live stream writes its state into
    signed_rules : statement as `recore rules sign` writes it
    """
    import uvicorn

    from recore.web.app import create_app
    from recore.workspace import Runner, Workspace

    names = [*LOCAL_HOSTS, *allowed_hosts, *os.environ.get("RECORE_ALLOWED_HOSTS", "").split(",")]
    listening = _listening(host, port)
    shown = f"[{host}]" if ":" in host else host
    if not _is_local(host):
        names.append(shown)
        _say(f"{host} can be reached from the network, and there is no login")
    with listening, Workspace.open(database, store) as workspace, Runner(workspace):
        hosts = [name.strip() for name in names if name.strip()]
        app = create_app(workspace, allowed_hosts=hosts, live=live, signed_rules=signed_rules)
        config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=3)
        _say(f"open http://{shown}:{listening.getsockname()[1]}/ in a browser; Ctrl-C stops it")
        # uvicorn raises the interrupt again when it has shut down in order
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise BadInput(
            f"cannot listen on {host} port {port} ({error.strerror})", right="choose another --port or --host"
        ) from None


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say(text: str) -> None:
    print(f"recore: {text}", file=sys.stderr, flush=True)  # noqa: T201
