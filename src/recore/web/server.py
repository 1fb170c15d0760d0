"""Run the application on this machine, together with the workers for its jobs."""

from __future__ import annotations

import ipaddress
import os
import sys

from recore.errors import BadInput
from recore.web.security import LOCAL_HOSTS


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    database: str | None = None,
    store: str | None = None,
    allowed_hosts: tuple[str, ...] = (),
) -> None:
    """Serve pages and JSON API until interrupted.

    Parameters
    ----------
    host : address to listen on; anything but this machine itself is open to the network, without a login
    port : 0 takes a free one
    database, store : as in `Workspace.open`
    allowed_hosts : further host names under which the server may be asked for
        (also RECORE_ALLOWED_HOSTS, separated by commas)
    """
    import uvicorn

    from recore.web.app import create_app
    from recore.workspace import Runner, Workspace

    names = [*LOCAL_HOSTS, *allowed_hosts, *os.environ.get("RECORE_ALLOWED_HOSTS", "").split(",")]
    if not _is_local(host):
        names.append(f"[{host}]" if ":" in host else host)
        print(
            f"recore: {host} can be reached from the network, and there is no login", file=sys.stderr
        )  # noqa: T201
    with Workspace.open(database, store) as workspace, Runner(workspace):
        app = create_app(workspace, allowed_hosts=[name.strip() for name in names if name.strip()])
        server = uvicorn.Server(
            uvicorn.Config(app, host=host, port=port, log_level="warning", server_header=False)
        )
        try:
            server.run(sockets=[_listening(host, port)])
        except KeyboardInterrupt:
            return
