"""Ray, connected to this machine alone or to a cluster, for `utils.sweep` and `utils.grade`."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Any

PATIENCE = 10.0  # seconds in which a cluster must answer
EVERY = 60.0  # seconds between words while nothing ends
GIB = 2**30
STORE = 10**8  # bytes for what tasks give back: it is small, and Ray would take a third of memory


class ClusterError(RuntimeError):
    """Work that cannot begin on a cluster; the message says why, with the mend."""


@dataclass(frozen=True)
class Needs:
    """What one task takes: processor cores, a share of GPUs, and GiB of memory."""

    cpus: int = 2
    gpus: float = 0.0
    memory: float = 4.0


def connected(address: str | None, without: str) -> Any:
    """The module ray, connected to the cluster at an address, or to a new one here for None.

    without: how to do without Ray, for the sentence of the ClusterError.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        mend = f'run: python -m pip install ".[scale]", or {without}'
        raise ClusterError(f"Ray is not installed; {mend}") from None
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address is None:
            here = {"object_store_memory": STORE, "_node_ip_address": "127.0.0.1"}
            ray.init(address="local", include_dashboard=False, **here, **quiet)
        else:
            _knock(address)
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        where = f"No Ray cluster answers at {address}" if address else "Ray could not start here"
        raise ClusterError(
            f"{where} ({reason}); start one with: ray start --head, and give its address (set "
            f"RAY_AUTH_MODE=token if it asks for Ray's token), or {without}"
        ) from error
    return ray


def _knock(address: str) -> None:
    """See that something answers at host:port: Ray would ask again for minutes. Raises OSError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address != "auto":
        if not (host and port.isdecimal()):
            raise ValueError("an address is HOST:PORT")
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()


def alive(ray: Any) -> list[dict[str, Any]]:
    """The machines of the cluster, as Ray tells of them."""
    return [node for node in ray.nodes() if node["Alive"]]


def fitting(ray: Any, needs: Needs, local: bool, options: str) -> int:
    """The cores to ask for: no more than this machine has.

    Raises ClusterError where a task fits on no machine; `options` are those to lower then.
    """
    machines = [node["Resources"] for node in alive(ray)]
    most = int(max((machine.get("CPU", 0) for machine in machines), default=0))
    cpus = min(needs.cpus, most) if local else needs.cpus
    wanted = {"CPU": cpus, "GPU": needs.gpus, "memory": needs.memory * GIB}
    if any(all(machine.get(n, 0) >= v for n, v in wanted.items()) for machine in machines):
        return cpus
    free = max((machine.get("memory", 0) for machine in machines), default=0) / GIB
    raise ClusterError(
        f"A task asks for {cpus} cores, {needs.gpus:g} GPUs and {needs.memory:.1f} GiB, and no "
        f"machine of the cluster has that (at most {most} cores and {free:.1f} GiB); lower "
        f"{options}"
    )


def variables() -> dict[str, str]:
    """The course's own environment variables, for the machines of a cluster."""
    return {name: value for name, value in os.environ.items() if name.startswith("FORM_AND_FACTS_")}
