"""Install the course from the folder that this file lies in, with no network.

`python install.py [FOLDER]`; left out, FOLDER is form-and-facts in your home folder. A course that
is there already is kept and its set-up finished. Any Python 3 must be able to read this file.
"""

import json
import os
import platform
import subprocess
import sys
import urllib.request
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "form-and-facts"


class InstallError(Exception):
    """The course cannot be installed; the message says why in one sentence, with the mend."""


def main(arguments):
    """Unpack, set up, make the models, say how to begin: 0, or another status and a sentence."""
    target = os.path.abspath(arguments[0] if arguments else os.path.expanduser("~/" + NAME))
    try:
        check_machine(os.path.join(HERE, "bundle.json"))
        unpack(os.path.join(HERE, NAME + ".zip"), target)
        run(target, [sys.executable, os.path.join("tools", "bootstrap.py")])
        python = venv_python(target)
        run(target, [python, "-m", "utils.models"])
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    except EnvironmentError as error:
        print("Not installed: %s; mend that, then run this again." % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; run the same command to go on.", file=sys.stderr)
        return 130
    first = os.path.join("notebooks", "00_start_here.ipynb")
    print("Ready. To begin, go to %s and run: make lab" % target)
    print("Without make: %s -m jupyterlab %s" % (os.path.relpath(python, target), first))
    return 0


def check_machine(path):
    """InstallError on another system, another processor or another Python than the bundle's."""
    with open(path) as file:
        wanted = json.load(file)
    here = {
        "system": platform.system(),
        "machine": platform.machine(),
        "python": "%d.%d" % sys.version_info[:2],
    }
    if here != wanted:
        text = "%(system)s on %(machine)s with Python %(python)s"
        raise InstallError(
            "This bundle is for %s, and this is %s; run it with python%s, or make a bundle on a "
            "machine like this one with: make bundle"
            % (text % wanted, text % here, wanted["python"])
        )


def unpack(packed, target):
    """Unpack the course into `target`, whole or not at all; one that is there is left as it is."""
    if os.path.isfile(os.path.join(target, "tools", "bootstrap.py")):
        print("The course is in %s already; its files are kept." % target)
        return
    if os.path.exists(target) and (not os.path.isdir(target) or os.listdir(target)):
        raise InstallError("%s holds other things; name a new folder: install.py FOLDER" % target)
    print("Unpacking the course into %s" % target)
    part = target + ".part"
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(part)
    if os.path.isdir(target):
        os.rmdir(target)
    os.renames(os.path.join(part, NAME), target)


def run(target, command):
    """Run a command of the course, with pip bound to our wheels. InstallError when it fails."""
    wheels = os.path.join(HERE, "wheels")
    # As an address: pip would split a path at its spaces.
    links = "file://" + urllib.request.pathname2url(wheels)
    own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, "PIP_CONFIG_FILE": os.devnull}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    if subprocess.call(command, cwd=target, env=dict(kept, **own)) != 0:
        raise InstallError(
            "Not installed, the lines above say why; mend that, then run this again."
        )


def venv_python(target):
    """The interpreter of the course's environment."""
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(target, ".venv", *inside)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
