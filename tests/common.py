"""What tests of both Parts share: the project's commands, run as a user runs them."""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from multiprocessing.reduction import DupFd
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORKS = multiprocessing.get_context("forkserver")  # a process that loads the large libraries once, for all commands
FORKS.set_forkserver_preload(
    ["pytest", "torch", "torchvision.utils", "torchvision.datasets", "joblib", "filelock", "tqdm", "sklearn.datasets"]
)


def python(*arguments, cwd, **options):
    """Runs `python *arguments`; returns the completed process with its text output."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=1800, **options)


class Command:
    """`python *arguments`, started in a process that has loaded the large libraries, which saves seconds.

    Of the project nothing is loaded: the command runs the sources in `cwd`. `prepare` is called before it.
    """

    def __init__(self, *arguments, cwd, env=None, prepare=None):
        pipes = [os.pipe(), os.pipe()]
        ends = [DupFd(write) for _, write in pipes]
        environment = dict(os.environ if env is None else env)
        self.process = FORKS.Process(target=execute, args=([*map(str, arguments)], cwd, environment, ends, prepare))
        self.process.start()
        for _, write in pipes:
            os.close(write)
        self.stdout, self.stderr = (os.fdopen(read, encoding="utf-8", errors="replace") for read, _ in pipes)

    def poll(self):
        return self.process.exitcode

    def send_signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        self.process.kill()

    def communicate(self):
        """(the rest of its output, of its errors), once it has ended."""
        with self.stdout, self.stderr:
            said = self.stdout.read(), self.stderr.read()
        self.process.join()
        self.returncode = self.process.exitcode
        return said


def execute(arguments, cwd, environment, ends, prepare):
    """Does in this process, which was made for it, what `python *arguments` would do in `cwd`."""
    for number, end in zip((1, 2), ends, strict=True):
        os.dup2(end.detach(), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    libraries = [path for path in sys.path if Path(path).is_relative_to(sys.prefix)]  # .venv may lie in ROOT
    outside = [path for path in sys.path if path and not Path(path).is_relative_to(ROOT)]
    first, *rest = arguments
    script = Path(cwd) / first
    sys.path[:] = dict.fromkeys([str(cwd if first in ("-m", "-c") else script.parent), *outside, *libraries])
    if prepare:
        prepare()
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = [first, *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(str(script), run_name="__main__")


def forked(*arguments, **options):
    """Runs a Command; returns it when it has ended, with its output as text.

    For commands without worker processes of their own: joblib's keep the output open after the command has ended.
    """
    command = Command(*arguments, **options)
    command.stdout, command.stderr = command.communicate()
    return command
