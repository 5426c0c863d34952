"""Valkey's own test suite, taken from Debian's source package: where it lies, and how one of its files is run.

The source comes from the mirror and with the key that tools/setup found (build/apt/sid); apt checks the signatures. It is
unpacked below build/compat/ and never becomes part of the repository.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
STATE = ROOT / "build/apt/sid-source"
WORK = ROOT / "build/compat"
SERVERS = ROOT / "build/servers"
SUITE_VERSION = "9.1"


def apt(*words, folder):
    options = {
        "Dir::Etc::sourcelist": STATE / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": STATE / "preferences",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": STATE / "state",
        "Dir::State::status": STATE / "status",
        "Dir::Cache": STATE / "cache",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
        "Acquire::Languages": "none",
    }
    command = ["apt-get", "-qq", *[x for k, v in options.items() for x in ("-o", f"{k}={v}")], *words]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C.UTF-8"})


def download(folder):
    """The source package into `folder`, from the mirror that sid's servers came from."""
    binary = (ROOT / "build/apt/sid/sources.list").read_text()
    options, rest = re.match(r"deb \[([^]]*)\] (.*)", binary).groups()
    options = " ".join(o for o in options.split() if not o.startswith("arch="))
    for inner in ("state/lists/partial", "cache/archives/partial"):
        (STATE / inner).mkdir(parents=True, exist_ok=True)
    (STATE / "sources.list").write_text(f"deb-src {f'[{options}] ' if options else ''}{rest}\n")
    (STATE / "preferences").write_text("")
    (STATE / "status").write_text("")
    apt("update", folder=folder)
    apt("--download-only", "source", "valkey", folder=folder)


def source():
    """The unpacked source tree; fetched on the first call."""
    tree = WORK / "source"
    if not (tree / "runtest").exists():
        new = WORK / "source.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        download(new)
        (archive,) = new.glob("valkey_*.orig.tar.*")
        if not archive.name.startswith(f"valkey_{SUITE_VERSION}."):
            raise SystemExit(f"the mirror has {archive.name}; tests/compat/blocks.tsv was written for {SUITE_VERSION}")
        subprocess.run(["tar", "-xf", archive, "-C", new, "--strip-components=1"], check=True)
        shutil.rmtree(tree, ignore_errors=True)
        new.rename(tree)
    return tree


def programs(folder, server, other):
    """A folder of programs as the suite wants it, with the wrapper for valkey-server; `other` is an older server."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in (SERVERS / server).glob("valkey-*"):
        if path.name != "valkey-server":
            (folder / path.name).symlink_to(path)
    (folder / "valkey-server").symlink_to(HERE / "server_wrapper")
    older = folder / "valkey-server-other"
    older.write_text(f'#!/bin/sh\nCOMPAT_SERVER={SERVERS / other / "valkey-server"} exec {HERE / "server_wrapper"} "$@"\n')
    older.chmod(0o755)
    return folder


# Not always at the line's beginning: some tests show their progress without a newline.
RESULT = re.compile(r"\[(?:\x1b\[[0-9;]*m)*(ok|err|skip|ignore|exception|TIMEOUT)(?:\x1b\[[0-9;]*m)*\]: (.*)$")


class Run:
    """What one file of the suite said: results as [status, test name, details]."""

    def __init__(self, name, output, ended):
        self.name, self.output, self.ended = name, output, ended
        self.results = []
        for line in output.splitlines():
            if line.strip() == "The End":
                break
            m = RESULT.search(line)
            if m:
                status, said = m.groups()
                if status == "ok":
                    said = re.sub(r" \(\d+ ms\)$", "", said)
                elif status == "err":
                    said = re.sub(rf" in tests/unit/cluster/{re.escape(name)}\.tcl$", "", said)
                self.results.append([status, said, ""])
            elif self.results and self.results[-1][0] in ("err", "exception") and not line.startswith("["):
                self.results[-1][2] += line + "\n"


def run_file(name, *, module, skip, baseport, limit_s, keep, text=None, server=SUITE_VERSION, other="8.1"):
    """Runs tests/unit/cluster/<name>.tcl, or `text` in its place, in a tree of its own. `skip`: names, or patterns
    behind a slash."""
    tree = WORK / "runs" / f"{baseport}"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    shutil.copytree(source() / "tests", tree / "tests", symlinks=True)
    (tree / "src").symlink_to(source() / "src")
    if text is not None:
        (tree / f"tests/unit/cluster/{name}.tcl").write_text(text)
    bins = programs(tree / "bin", server, other)
    (tree / "skip").write_text("\n".join(skip) + "\n")
    command = ["tclsh", "tests/test_helper.tcl", "--single", f"unit/cluster/{name}", "--clients", "1", "--durable"]
    command += ["--baseport", str(baseport), "--portcount", "900", "--skip-leaks", "--skipfile", "skip", "--timeout", "150"]
    command += ["--other-server-path", str(bins / "valkey-server-other"), "--dont-clean"]
    environment = os.environ | {
        "VALKEY_BIN_DIR": str(bins),
        "COMPAT_SERVER": str(SERVERS / server / "valkey-server"),
        "COMPAT_MODULE": str(module or ""),
    }
    with open(tree / "output", "wb") as sink:
        process = subprocess.Popen(command, cwd=tree, env=environment, stdout=sink, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        try:
            process.wait(limit_s)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        finally:
            end_session(process.pid)
            process.wait()
    run = Run(name, (tree / "output").read_text(errors="replace"), ended)
    if not keep:
        shutil.rmtree(tree, ignore_errors=True)
    return run


def end_session(leader):
    """Ends every process of the session that `leader` began: the suite's servers, the paused ones too."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
            if int(rest[3]) == leader:
                os.kill(pid, signal.SIGKILL)
        except (OSError, ValueError):
            continue
