"""Make .venv and install the course into it; instant when that has been done already.

This file must be readable by any Python 3, so that an old one can say what is wrong instead of
failing on the syntax. It imports the standard library only.
"""

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST = (3, 11)
NEWER = ("python3.13", "python3.12", "python3.11")
NEW_ENOUGH = "import sys; sys.exit(sys.version_info[:2] < (3, 11))"
DISK_FULL = (
    "The disk is (nearly) full; free at least 2 GB where the course lies, then run this again."
)
STAMP = "form-and-facts-stamp"  # in .venv: what is installed there, as a hash
BUSY = "form-and-facts-installing"  # in .venv: there while pip is at work
ROOM = 2 * 10**9  # bytes free before we begin
QUIET_SECONDS = 20  # after so long without a line, say that we are still at it
NO_NETWORK = re.compile(
    "NewConnectionError|ConnectionError|ConnectTimeout|Max retries|ProxyError|SSLError"
    "|Failed to establish|name resolution|Network is unreachable|timed out"
)
WORTH_SHOWING = re.compile(r"\s*(Collecting|Downloading|Installing|Successfully|ERROR|WARNING)")


class SetupError(Exception):
    """Set-up cannot go on; the message says why in one sentence, with the mend."""


def main(arguments):
    """Set up and return 0, or print one sentence and return 1 (130 when stopped by hand)."""
    try:
        if sys.version_info[:2] < OLDEST:
            return subprocess.call([newer_python(), os.path.abspath(__file__)] + list(arguments))
        set_up(ROOT)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except EnvironmentError as error:
        full = error.errno == errno.ENOSPC
        print(DISK_FULL if full else "Set-up stopped: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; run the same command to go on.", file=sys.stderr)
        return 130
    return 0


def newer_python():
    """The path of the newest Python on PATH that is new enough and works. SetupError if none."""
    for name in NEWER:
        path = shutil.which(name)
        if path and answers(path, NEW_ENOUGH):
            return path
    raise SetupError(
        "Python 3.11 or newer is needed and this is %d.%d; install one, or name yours: "
        "make PYTHON=/path/to/python3.12" % tuple(sys.version_info[:2])
    )


def answers(python, code):
    """True when this interpreter starts and runs the code with exit status 0."""
    try:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.call([python, "-c", code], env=settings(), **silent) == 0
    except OSError:
        return False


def settings():
    """Our environment without what would lead Python or pip out of .venv; mirror and proxy stay."""
    drop = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")
    return dict({k: v for k, v in os.environ.items() if k not in drop}, PIP_USER="0")


def venv_python(venv):
    """The path of the interpreter in a virtual environment."""
    return os.path.join(
        venv, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python"))
    )


def wanted(root):
    """A hash of what must be installed: both requirement files, and the place of the course."""
    digest = hashlib.sha256(root.encode("utf-8"))
    for name in ("requirements.txt", "pyproject.toml"):
        path = os.path.join(root, name)
        if not os.path.isfile(path):
            raise SetupError("%s is missing from %s; fetch the course anew." % (name, root))
        with open(path, "rb") as file:
            digest.update(b"\0" + file.read())
    return digest.hexdigest()


def installed(venv):
    """The hash a finished set-up left in .venv; None without one, or without an interpreter."""
    try:
        with open(os.path.join(venv, STAMP)) as file:
            return file.read() if os.path.exists(venv_python(venv)) else None
    except EnvironmentError:
        return None


def set_up(root):
    """Make .venv hold what is wanted. Does nothing when its stamp says that it does."""
    venv, goal, begun = os.path.join(root, ".venv"), wanted(root), time.time()
    if installed(venv) == goal:
        return
    if not usable(venv):
        make_venv(venv, begun)
    busy, stamp = os.path.join(venv, BUSY), os.path.join(venv, STAMP)
    write(busy, "")
    write(stamp, "")
    try:
        install(root, venv_python(venv), begun)
    except SetupError:
        os.remove(busy)  # pip ended by itself, so what it did install is whole
        raise
    write(stamp, goal)
    os.remove(busy)
    say(begun, "Set-up is done.")


def usable(venv):
    """True when .venv works, has pip, and no installation into it was cut off."""
    python = venv_python(venv)
    if os.path.exists(os.path.join(venv, BUSY)) or not answers(python, NEW_ENOUGH):
        return False
    return answers(python, "import pip") or answers(python, "import ensurepip as e; e.bootstrap()")


def make_venv(venv, begun):
    """Make an empty .venv, after removing one that is broken or half made."""
    if os.path.lexists(venv):
        say(begun, "Removing a .venv that is broken or half made")
        if os.path.isdir(venv) and not os.path.islink(venv):
            shutil.rmtree(venv)
        else:
            os.remove(venv)
    if shutil.disk_usage(os.path.dirname(venv)).free < ROOM:
        raise SetupError(DISK_FULL)
    say(begun, "Making .venv with Python %d.%d" % tuple(sys.version_info[:2]))
    status, lines = follow([sys.executable, "-m", "venv", venv], begun)
    if status == 0:
        return
    text = "\n".join(lines)
    if "ensurepip" in text or "No module named venv" in text:
        raise SetupError(
            "This Python cannot make virtual environments because its venv module is not whole; "
            "on Debian or Ubuntu run: sudo apt install python%d.%d-venv, then run this again."
            % tuple(sys.version_info[:2])
        )
    raise explain("Python could not make .venv", text, lines)


def install(root, python, begun):
    """Install torch first and alone, then the pinned rest, then the course itself."""
    pip = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    requirements = os.path.join(root, "requirements.txt")
    torch = torch_lines(requirements)
    if torch and not answers(python, "import importlib.metadata as m; m.version('torch')"):
        only_torch = os.path.join(root, ".venv", "torch.txt")
        write(only_torch, "\n".join(torch) + "\n")
        step(begun, "Installing torch, the largest part", pip + ["--no-deps", "-r", only_torch])
    step(begun, "Installing the packages of requirements.txt", pip + ["-r", requirements])
    step(begun, "Installing the course", pip + ["--no-deps", "-e", root])


def torch_lines(requirements):
    """The entries of a requirements file that pin torch, after its index options; else []."""
    with open(requirements) as file:
        entries = [line.strip() for line in file.read().replace("\\\n", " ").splitlines()]
    torch = [entry for entry in entries if re.match(r"torch\s*([=<>!~@;\[]|$)", entry)]
    options = [entry for entry in entries if re.match(r"--(extra-)?index-url|--find-links", entry)]
    return options + torch if torch else []


def step(begun, title, command):
    """Run one pip command under a title. SetupError when it fails."""
    say(begun, title)
    status, lines = follow(command, begun)
    if status != 0:
        raise explain("pip could not finish (%s)" % title, "\n".join(lines), lines)


def follow(command, begun):
    """Run a command and show its telling lines as they come: its status and all its lines."""
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "env": settings()}
    lines, ended = [], threading.Event()
    threading.Thread(target=heartbeat, args=(lines, ended, begun), daemon=True).start()
    try:
        with subprocess.Popen(command, **pipe) as process:
            for raw in process.stdout:
                lines.append(raw.decode("utf-8", "replace").rstrip())
                if WORTH_SHOWING.match(lines[-1]):
                    print("    " + lines[-1].strip()[:110], flush=True)
    finally:
        ended.set()
    return process.returncode, lines


def heartbeat(lines, ended, begun):
    """Say that we are still at it whenever no line has come for a while."""
    before = -1
    while not ended.wait(QUIET_SECONDS):
        if len(lines) == before:
            say(begun, "still at it ...")
        before = len(lines)


def explain(what, text, lines):
    """The SetupError for a command that failed, from what it wrote."""
    told = [line.strip() for line in lines if line.strip()]
    errors = [line for line in told if line.upper().startswith("ERROR")]
    last = (errors or told or ["it wrote nothing"])[-1]
    if "No space left" in text:
        return SetupError(DISK_FULL)
    if NO_NETWORK.search(text):
        return SetupError(
            "pip could not reach a package registry (its last line: %s); connect to a network, or "
            "set PIP_INDEX_URL or PIP_PROXY to a mirror or proxy, then run this again." % last
        )
    lacking = "No matching distribution" in text
    mend = "set PIP_INDEX_URL to a registry that has it" if lacking else "mend that"
    return SetupError("%s; its last line: %s; %s, then run this again." % (what, last, mend))


def say(begun, text):
    """One line of progress with the seconds since the start."""
    print("[%4d s] %s" % (time.time() - begun, text), flush=True)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
