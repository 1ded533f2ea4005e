"""Ports and servers in; whether they are free, and whether they answer, out."""

import errno
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from unified_assets.core.errors import ResourceError

ASK_S = 5.0


class PortInUse(ResourceError):
    """Another program listens there."""

    def __init__(self, *, port: int, option: str) -> None:
        self.port, self.option = port, option
        super().__init__(f"port {port} on 127.0.0.1 is in use by another program. Stop it, or choose another one: `{option} {port + 1}`.")


def refuse_used_ports(ports: Mapping[str, int]) -> None:
    """Raise PortInUse for the first that is taken. `ports`: the option that sets it → its number."""
    for option, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: a port that was closed a moment ago is free
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
                raise PortInUse(port=port, option=option) from error


def page(url: str) -> bool:
    """Whether an address answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=ASK_S) as answer:  # noqa: S310 - our own address on loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def code_server(path: Path) -> bool:
    """Whether a code server listens on its socket."""
    if not path.exists():
        return False
    from dagster._core.errors import DagsterUserCodeUnreachableError  # neither has a public name
    from dagster._grpc.client import DagsterGrpcClient

    try:
        return bool(DagsterGrpcClient(socket=str(path)).ping("ready")["echo"] == "ready")
    except DagsterUserCodeUnreachableError:
        return False


def daemon(home: Path, started: float) -> bool:
    """Whether every daemon the instance needs has had a heartbeat since `started` (seconds since the epoch)."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home)) as instance:
        beats = instance.get_daemon_heartbeats()
        needed = instance.get_required_daemon_types()
    now = time.time()
    return all(kind in beats and started <= beats[kind].timestamp <= now + 1 for kind in needed)
