"""Several processes at once, as `accelerate launch` starts them: who am I, my share, everyone's.

With one process every function gives back what it was given, and nothing is imported for it.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
WAIT = 600.0  # seconds without a sign of another process
VARIABLE = "FORM_AND_FACTS_WAIT"
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "WORLD_SIZE")
RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "RANK")
SPLIT = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_MEGATRON_LM")
LOST = re.compile(r"gloo|nccl|ProcessGroup|TCPStore|Connection (closed|reset)|Broken pipe", re.I)
LATE = re.compile(r"timed? ?out", re.I)
KEPT = "then run the same command again: finished arms are kept"
ONE_ONLY = (
    "with --cpu accelerate starts one process without mpirun, however many were asked for; run: "
    "accelerate launch --multi_gpu --num_processes 2 -m utils.experiment (it needs no GPU)"
)


class ParallelError(RuntimeError):
    """The processes of a run cannot go on together; the message says why, with the mend."""


def size() -> int:
    """How many processes this run has."""
    return _number(SIZES, 1)


def rank() -> int:
    """The number of this process, from 0."""
    return _number(RANKS, 0) if size() > 1 else 0


def is_main() -> bool:
    """True in the one process that prints and writes."""
    return rank() == 0


def name() -> str:
    """ "process 1 of 2: ", to put before a message; nothing for the main process."""
    return "" if is_main() else f"process {rank()} of {size()}: "


def seconds() -> float:
    """How long to wait for a process that gives no sign: FORM_AND_FACTS_WAIT, else WAIT."""
    named = os.environ.get(VARIABLE, "").strip() or WAIT
    try:
        found = float(named)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e7:
        raise ParallelError(f"{VARIABLE} is {named!r}; set it to a number of seconds, or unset it")
    return found


def join(cpu: bool) -> None:
    """Meet the other processes, on the CPU or on a GPU each.

    Raises ParallelError where they do not come, and for ways of launching that are not ours.
    """
    if size() == 1:
        asked_for_more = "MASTER_ADDR" in os.environ and not any(v in os.environ for v in SIZES)
        if asked_for_more and os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true":
            raise ParallelError(ONE_ONLY)
        return
    split = [variable for variable in SPLIT if os.environ.get(variable, "").lower() == "true"]
    if split:
        raise ParallelError(
            f"{split[0]} is set, and this course copies the whole model into every process; "
            "launch it without FSDP, DeepSpeed and Megatron: accelerate launch --multi_gpu"
        )
    from accelerate import PartialState

    with explained():
        state = PartialState(cpu=cpu, timeout=timedelta(seconds=seconds()))
    if state.num_processes != size():
        raise ParallelError(
            f"{size()} processes were launched and {state.num_processes} met; launch them with "
            "accelerate launch or torchrun"
        )


def leave() -> None:
    """Wait until every process is done, then part."""
    if size() > 1:
        wait()
        _state().destroy_process_group()


def wait() -> None:
    """Wait until every process is here."""
    if size() > 1:
        with explained():
            _state().wait_for_everyone()


@contextmanager
def main_first() -> Iterator[None]:
    """Each machine's first process runs the block; its others wait, then run it too."""
    if size() == 1:
        yield
        return
    with explained(), _state().local_main_process_first():
        yield


def shard(items: Sequence[T]) -> list[T]:
    """This process's share: every size-th item, from its own number on."""
    return list(items[rank() :: size()])


def gather(mine: Sequence[T]) -> list[T]:
    """What every process made of its share, in the order in which `shard` was given it."""
    if size() == 1:
        return list(mine)
    from accelerate.utils import gather_object

    with explained():
        found = gather_object([(place, rank(), item) for place, item in enumerate(mine)])
    return [item for _, _, item in sorted(found, key=lambda one: one[:2])]


def from_main(make: Callable[[], T]) -> T:
    """What `make` gives in the main process, in every process; it is called in that one only."""
    if size() == 1:
        return make()
    from accelerate.utils import broadcast_object_list

    box = [make() if is_main() else None]
    with explained():
        broadcast_object_list(box)
    return box[0]


def agree(what: str) -> None:
    """See that `what`, a summary of all that decides a result, is the same everywhere."""
    found = gather([what])
    for number, other in enumerate(found):
        if other != found[0]:
            raise ParallelError(
                f"process {number} has other data, packages, settings or folders than process 0; "
                "give every machine the same checkout, requirements.txt and FORM_AND_FACTS "
                "variables, at the same places"
            )


def see(folder: Path) -> None:
    """See that all processes share this folder. Raises ParallelError where one does not."""
    if size() == 1:
        return
    mark = folder / from_main(lambda: f".seen-{uuid.uuid4().hex}")
    if is_main():
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    wait()
    blind = [number for number, sees in enumerate(gather([mark.exists()])) if not sees]
    if is_main():
        mark.unlink()
    if blind:
        raise ParallelError(
            f"process {blind[0]} does not see the folder {folder} of process 0; give --out a "
            "folder that all machines share"
        )


@contextmanager
def explained() -> Iterator[None]:
    """Turn what torch says of a lost process into one sentence with the mend."""
    try:
        yield
    except RuntimeError as error:
        text, kind = str(error), type(error).__name__
        lost = kind.startswith("Dist") or (kind == "RuntimeError" and LOST.search(text))
        if size() == 1 or not lost:  # torch names most of them DistSomethingError, gloo none
            raise
        if LATE.search(text):
            raise ParallelError(
                f"another process of this run gave no sign for {seconds():.0f} s; look which one "
                f"hangs or is slower, or allow more seconds with {VARIABLE}, {KEPT}"
            ) from error
        raise ParallelError(
            f"another process of this run has ended; its own message says why; mend that, {KEPT}"
        ) from error


def _state():
    from accelerate import PartialState

    return PartialState()


def _number(variables: Sequence[str], otherwise: int) -> int:
    found = (os.environ.get(variable, "") for variable in variables)
    return next((int(value) for value in found if value.isdigit()), otherwise)
