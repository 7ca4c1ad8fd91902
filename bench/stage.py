# SPDX-License-Identifier: Apache-2.0
"""The parts of the build tree in the places of an installation, and programs run there: straight on a driver, or remoted."""

import enum
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DRIVERS = {"soft": "soft/libcuda-soft.so.1", "null": "null/libcuda-null.so.1"}


class Effort(enum.Enum):
    """How long to measure: only to see that each line comes, for a first look, or for figures worth keeping."""

    SMOKE = 0
    QUICK = 1
    FULL = 2

    def pick(self, smoke, quick, full):
        return (smoke, quick, full)[self.value]


class Failed(Exception):
    """A measurement that could not be made; the text says why."""


class Stage:
    def __init__(self, build, directory):
        self.build, self.root = Path(build).resolve(), Path(directory)
        self.lib = self.root / "lib"
        links = {
            "lib/libcuda.so.1": "remoting/client/.libs/libcuda.so.1",
            "lib/soft/libcuda-soft.so.1": "softgpu/driver/.libs/libcuda-soft.so.1",
            "lib/soft/libcuda.so.1": "softgpu/driver/.libs/libcuda-soft.so.1",
            "lib/null/libcuda-null.so.1": "nulldriver/.libs/libcuda-null.so.1",
            "lib/null/libcuda.so.1": "nulldriver/.libs/libcuda-null.so.1",
            "libexec/vgpud": "vgpud",
            "libexec/vgpustepd": "daemon/vgpustepd/vgpustepd",
        }
        for runtime in (self.build / "remoting/cudart/.libs").glob("libcudart.so.1[0-9]"):
            links[f"lib/{runtime.name}"] = f"remoting/cudart/.libs/{runtime.name}"
        for wrapper in (self.build / "remoting/libs/.libs").glob("lib*.so.*[0-9]"):
            links[f"lib/{wrapper.name}"] = f"remoting/libs/.libs/{wrapper.name}"
        for name, target in links.items():
            target = self.build / target
            if not target.exists():
                raise Failed(f"{target} is not built: run make first")
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).symlink_to(target)

    def environment(self, more=None):
        keep = {k: v for k, v in os.environ.items() if not k.startswith("VGPU_") and k != "LD_PRELOAD"}
        keep.update(VGPU_LIBDIR=str(self.lib), VGPU_LIBEXECDIR=str(self.root / "libexec"), TMPDIR=str(self.root), XDG_RUNTIME_DIR="")
        keep.update(more or {})
        return keep

    def straight(self, driver, *command, env=None, seconds=120):
        path = f"{self.lib / driver}:{self.lib}"
        return self.call([str(c) for c in command], self.environment({"LD_LIBRARY_PATH": path, **(env or {})}), seconds)

    def remoted(self, driver, channel, *command, env=None, seconds=120):
        """Through a vgpud of its own."""
        wrapped = [str(self.build / "vgpu-run"), "--driver", str(self.lib / DRIVERS.get(driver, driver)), "--channel", channel, "--"]
        return self.call(wrapped + [str(c) for c in command], self.environment(env), seconds)

    def local(self, *command, seconds=120):
        """A program that is no client of ours."""
        return self.call([str(c) for c in command], self.environment(), seconds)

    def daemon(self, driver, *lines):
        return Daemon(self, driver, lines)

    def start(self, command, driver=None, channel="shm", env=None):
        """The same, left running: remoted with a driver, else as the environment says."""
        if driver:
            command = [str(self.build / "vgpu-run"), "--driver", str(self.lib / DRIVERS[driver]), "--channel", channel, "--"] + command
        return subprocess.Popen([str(c) for c in command], env=self.environment(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)

    @staticmethod
    def call(command, environment, seconds):
        try:
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds, text=True,
                                  check=False, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{' '.join(command[-4:])}: not done after {seconds} s") from error
        if done.returncode:
            raise Failed(f"{' '.join(command[-4:])}: status {done.returncode}: {done.stderr.strip()[-400:]}")
        return done

    def program(self, name):
        return self.build / "bench" / name


class Daemon:
    """A vgpud of its own for several runs, with these lines in its vgpu.conf beside what it cannot do without."""

    def __init__(self, stage, driver, lines):
        self.stage = stage
        self.folder = Path(tempfile.mkdtemp(prefix="vgpud.", dir=stage.root))
        self.key, self.socket, self.conf = self.folder / "key", str(self.folder / "vgpud.sock"), self.folder / "vgpu.conf"
        self.key.write_text(os.urandom(32).hex() + "\n", encoding="ascii")
        self.key.chmod(0o600)
        own = [f"NodeName=bench StateSaveLocation={self.folder}/state", f"VgpudSocket={self.socket} VgpudAddr=127.0.0.1 VgpudPort=0",
               f"Driver={stage.lib / DRIVERS[driver]}", *lines]
        if not any("AuthType" in line for line in lines):
            own.append(f"AuthType=key KeyFile={self.key}")
        self.conf.write_text("\n".join(own) + "\n", encoding="utf-8")
        self.log, self.process, self.address = self.folder / "log", None, ""

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.stage.build / "vgpud", "-D", "--conf", self.conf], env=self.stage.environment(),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self.address:
            said = self.log.read_text(encoding="utf-8", errors="replace")
            found = re.search(r" listens on (\S+) and ", said)
            if found:
                self.address = found[1]
            elif self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Failed(f"vgpud did not start: {said.strip()[-400:]}")
            else:
                time.sleep(0.02)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()

    def run(self, channel, *command, seconds=120):
        wrapped = [self.stage.build / "vgpu-run", "--server", self.address, "--conf", self.conf, "--channel", channel, "--", *command]
        return self.stage.call([str(c) for c in wrapped], self.stage.environment(), seconds)


def staged(build):
    """A stage below a folder that goes when it is closed."""
    folder = tempfile.TemporaryDirectory(prefix="vgpu-bench.")
    os.chmod(folder.name, 0o755)
    return folder, Stage(build, folder.name)


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
