"""Run the examples of the README and the tutorial in order, twice in one new AIRFLOW_HOME: ``make test-readme``.

A ``python`` block is saved in the DAGs folder. The lines of ``shell`` blocks run one after the other in one shell, and
each must succeed. The lines of a ``text`` block after a ``shell`` block must be among what it printed, in that order,
each within a line. The second round must print the same, with a sandbox that starts anew for each page.

Some things differ from a user's shell. ``pip install`` is only checked: what it would install must be there. The
sandbox's port and the folder of plans are ones that nobody else on the machine uses. ``make`` is left out, because the
build runs its targets by themselves. And Airflow's own example DAGs are off, because each line would parse them.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from tests.pages import Block, blocks

ROOT = Path(__file__).resolve().parents[2]
README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial" / "plan-and-apply.md"
PORT, PLANS = "5555", "/tmp/no-shows"
APPLY_FOR_REAL = """airflow dags test apply_no_shows -c '{"dry_run": false}'"""
_END = "end of the line's output, exit status"
_LONGEST = 1800.0


class Shell:
    """One shell for all blocks: what a line exports is there for the next ones.

    :param home: of Airflow.
    :param port: that the sandbox listens on.
    """

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        environment |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",  # a busy machine takes more than the default of 30 s
            "PYTHONUNBUFFERED": "1",
        }
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        self._bash = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self._watchdog = threading.Timer(_LONGEST, self._kill)
        self._watchdog.start()

    def run(self, line: str) -> str:
        """Run a line, and return what was printed.

        :raises SystemExit: if it fails.
        """
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        # Its standard input is not this pipe, from which a command would read the lines after it.
        self._bash.stdin.write(f'{{ {line}\n}} </dev/null\nprintf "\\n%s %s\\n" "{_END}" $?\n')
        self._bash.stdin.flush()
        printed: list[str] = []
        for text in self._bash.stdout:
            if text.startswith(_END):
                if text.split()[-1] != "0":
                    break
                return "".join(printed)
            printed.append(text)
        sys.exit(f"{''.join(printed)[-6000:]}\nreadme: this line failed, its output is above: {line}")

    def await_sandbox(self) -> None:
        """Wait until the sandbox listens. A user reads what it prints meanwhile."""
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.1)
        sys.exit("readme: the sandbox does not listen")

    def stop_sandbox(self) -> None:
        """Stop what runs in the background."""
        self.run("kill %1; wait || true")

    def close(self) -> None:
        """End the shell, and all that it started."""
        self._watchdog.cancel()
        self._kill()
        self._bash.wait()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)


@contextmanager
def new_shell(folder: Path) -> Iterator[Shell]:
    """Open a shell with an AIRFLOW_HOME of its own, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "home" / "dags").mkdir(parents=True)
    shell = Shell(folder / "home", port)
    try:
        yield shell
    finally:
        shell.close()


def examples(page: Path, port: int, plans: str) -> list[Block]:
    """Return a page's blocks that can be run, with the port and folder of this run."""

    def here(text: str) -> str:
        return text.replace(PORT, str(port)).replace(PLANS, plans)

    return [
        Block(one.language, here(one.text), one.line, one.before, here(one.output))
        for one in blocks(page)
        if one.language in ("python", "shell")
    ]


def run_page(shell: Shell, page: Path, plans: str) -> int:
    """Run all blocks of a page once, and return how many lines of output were compared."""
    compared = 0
    for block in examples(page, shell.port, plans):
        if block.language == "python":
            dag_id = re.findall(r"^(\w+)\(\)$", block.text, re.MULTILINE)[-1]
            (shell.home / "dags" / f"{dag_id}.py").write_text(block.text, encoding="utf-8")
            continue
        printed = "".join(run_line(shell, line) for line in block.text.splitlines() if line.strip())
        compare(printed, block)
        compared += len(block.output.splitlines())
    return compared


def run_line(shell: Shell, line: str) -> str:
    """Run a line of a block, or what this script does instead of it, and return what was printed."""
    words = shlex.split(line, comments=True)
    if words[:1] == ["make"]:
        return ""
    print(f"$ {line}", flush=True)
    if words[:2] == ["pip", "install"]:
        check_installed(words[2])
        return ""
    printed = shell.run(line)
    if words[-1] == "&":
        shell.await_sandbox()
    return printed


def check_installed(wanted: str) -> None:
    """See that a requirement and those of its extras are there.

    :raises SystemExit: naming what is not.
    """
    requirement = Requirement(wanted)
    for text in requires(requirement.name) or ():
        one = Requirement(text)
        is_wanted = one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in requirement.extras)
        try:
            if is_wanted:
                requires(one.name)
        except ImportError:
            sys.exit(f"readme: {wanted} needs {one.name}, which is not installed here")


def compare(printed: str, block: Block) -> None:
    """See that the lines which a block promises were printed, in their order.

    :raises SystemExit: naming the first that was not.
    """
    lines = iter(printed.splitlines())
    for promised in block.output.splitlines():
        if promised and not any(promised in line for line in lines):
            sys.exit(f"{printed[-6000:]}\nreadme: line {block.line} promises, and this is not printed: {promised}")


def apply_for_real(shell: Shell) -> None:
    """Do what the tutorial describes after its last block: apply the plan, and apply it again."""
    for promised in ("1 mark-absent calls", "0 mark-absent calls"):
        assert promised in TUTORIAL.read_text(encoding="utf-8").replace("\n", " ")
        printed = run_line(shell, APPLY_FOR_REAL)
        compare(printed, Block("shell", APPLY_FOR_REAL, 0, "", promised))


def main() -> None:
    """Run everything."""
    began = time.monotonic()
    compared = []
    with tempfile.TemporaryDirectory(prefix="calcom-readme-") as folder, new_shell(Path(folder)) as shell:
        for _ in range(2):
            lines = run_page(shell, README, f"{folder}/no-shows")
            shell.stop_sandbox()
            lines += run_page(shell, TUTORIAL, f"{folder}/no-shows")
            compared.append(lines)
            if len(compared) == 2:
                apply_for_real(shell)
            shell.stop_sandbox()
    assert compared[0] == compared[1] > 0
    print(f"readme: the examples print what it shows, {compared[0]} lines, twice ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
