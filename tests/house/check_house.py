#!/usr/bin/python3
"""The rules of the house that a program can check. usage: check_house.py [repository]

A violation is (path, line, rule, what to do about it). test_check_house.py shows that each rule can fail.
"""
import pathlib
import re
import subprocess
import sys

# What a layer links, and so what it may include: these, what they include, and itself.
LINKS = {
    "base": [],
    "contract": ["base"],
    "seal": ["base"],
    "swim": ["base"],
    "gossip": ["base", "contract"],
    "shard_log": ["base", "contract"],
    "wire": ["base", "swim", "gossip", "shard_log", "contract"],
    "provider": ["wire", "swim", "gossip", "shard_log", "contract"],
    "core": ["base", "contract"],
    "runtime": ["provider", "core", "seal"],
    "module": ["runtime", "core"],
    "sim": ["provider", "core", "seal"],
}

# External library: which include lines are it, and which files may contain them.
EXTERNAL = {
    "asio": (r"(boost/)?asio(\.hpp|/)", r"src/runtime/|tests/unit/runtime/"),
    "flatbuffers": (r"flatbuffers/|generated/", r"src/wire/"),
    "libsodium": (r"sodium(\.h|/)", r"src/seal/"),
    "xxhash": (r"xxh", r"src/base/hash"),
    "spdlog": (r"(spdlog|fmt)/", r"src/(runtime|module)/"),
    "the module API": (r"(valkey|redis)module\.h", r"src/module/"),
}

IMPURE = r"src/(runtime|module)/|src/sim/main_"  # may read clocks and draw randomness
THREADED = r"src/(runtime|module)/"
MACHINES = r"src/(seal|swim|gossip|shard_log|provider|core)/"

CLOCK = (
    r"\b(system|steady|high_resolution|utc|tai|gps|file)_clock\b|\bclock_(gettime|nanosleep)\b|\bgettimeofday\b"
    r"|\bCLOCK_[A-Z]+|(?<![\w.>])(std::|::)?time\s*\(\s*(NULL|nullptr|0|&\s*\w+)\s*\)|\b__?rdtsc\b"
    r"|\btimerfd_create\b|\b(sleep_for|sleep_until|usleep|nanosleep)\b"
)
RANDOM = (
    r"\brandom_device\b|(?<![\w.>])(std::|::)?s?rand(_r)?\s*\(|\bgetrandom\b|\bgetentropy\b|\bmt19937|\bminstd_rand"
    r"|\bdefault_random_engine\b|\barc4random|\brandombytes_|\b[dlm]rand48\b"
)
THREAD = (
    r"#\s*include\s*<(mutex|shared_mutex|thread|condition_variable|future|semaphore|latch|barrier|pthread\.h)>"
    r"|\bstd::(recursive_|shared_|timed_)*mutex\b|\bstd::j?thread\b|\bstd::(lock_guard|unique_lock|scoped_lock|shared_lock)\b"
    r"|\bstd::condition_variable|\bstd::async\b|\bpthread_\w+|\bstd::(counting|binary)_semaphore\b|\bthread_local\b"
)

LINES_MAX = 500
SOURCE = (".hpp", ".cpp", ".h", ".c")

# Folders that exist on one machine only, and hosts that packages are fetched from.
MACHINE_PATH = r"(?<![\w.$}-])/(work|root)/"
PACKAGE_HOST = (
    r"\b(deb|apt|security|snapshot|archive|packages?|registry|repo|mirrors?)(\.[a-z0-9-]+)+\.(org|com|net|io|dev)\b"
    r"|\bpythonhosted\b|\bpypi\.[a-z]+\b|\.pkg\.dev\b"
)


def closure(layer):
    seen, todo = {layer}, [layer]
    while todo:
        for below in LINKS[todo.pop()]:
            if below not in seen:
                seen.add(below)
                todo.append(below)
    return seen


def without_comments_and_strings(text):
    """Same length and lines; comments blank, and strings too unless they name an include."""
    token = re.compile(
        r'(?P<include>^[ \t]*\#[ \t]*include[ \t]*"[^"\n]*")'
        r'|//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)"'
        r"""|"(?:\\.|[^"\\\n])*"|(?<![\w])'(?:\\.|[^'\\\n])+'""",
        re.S | re.M,
    )
    return token.sub(lambda m: m[0] if m["include"] else re.sub(r"[^\n]", " ", m[0]), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def matches(pattern, text):
    return ((line_of(text, m.start()), m[0].strip()) for m in re.finditer(pattern, text))


def check_includes(path, code):
    layer = path.split("/")[1] if path.startswith("src/") and path.count("/") > 1 else None
    for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', code, re.M):
        line, quoted, target = line_of(code, m.start()), m[1] == '"', m[2]
        for library, (pattern, home) in EXTERNAL.items():
            if re.match(pattern, target) and not re.match(home, path):
                yield line, "external library", f"{library} is used in {home} only, not {target} here"
        if path.startswith("include/") and target.split("/")[0] in LINKS:
            yield line, "include direction", f"a public header knows nothing of src: {target}"
        if layer is None:
            continue
        if layer not in LINKS:
            yield line, "include direction", f"layer {layer} is not in the table of layers"
            return
        first = target.split("/")[0]
        if first in LINKS and "/" in target:
            if first not in closure(layer):
                yield line, "include direction", f"{layer} must not know {first}: {target}"
        elif first == "valkey_swim":
            if "contract" not in closure(layer):
                yield line, "include direction", f"{layer} must not know the contract: {target}"
        elif quoted and first != "generated":
            yield line, "include direction", f"name includes from the root, as <layer>/<file>: {target}"


def check_source(path, text):
    code = without_comments_and_strings(text)
    yield from check_includes(path, code)
    for line, what in matches(r"\b(TODO|FIXME)\b", text):
        yield line, "unfinished", f"{what}: do it, or write down in docs/ why not"
    if not path.startswith(("src/", "include/")):
        return
    lines = text.count("\n")
    if lines > LINES_MAX:
        yield LINES_MAX, "file size", f"{lines} lines, at most {LINES_MAX}: a concept is hiding"
    if not re.match(IMPURE, path):
        for line, what in matches(CLOCK, code):
            yield line, "clock", f"{what}: time comes in as an Instant"
        for line, what in matches(RANDOM, code):
            yield line, "randomness", f"{what}: base/rng is the only randomness"
    if not re.match(THREADED, path):
        for line, what in matches(THREAD, code):
            yield line, "threads", f"{what}: threads and locks live in runtime and module"
    if re.match(MACHINES, path):
        for line, _ in matches(r"\bvirtual\b", code):
            yield line, "virtual", "machines have variants, visited exhaustively, not virtual functions"


def check_text(path, text):
    for line, what in matches(MACHINE_PATH, text):
        yield line, "machine path", f"{what} exists on one machine only"
    for line, what in matches(PACKAGE_HOST, text):
        yield line, "package host", f"{what}: mirrors come from the machine's configuration"


def check_public_header(root):
    header = root / "include/valkey_swim/cluster_provider.h"
    if not header.exists():
        return
    for compiler, language, standard in (("gcc", "c", "c11"), ("g++", "c++", "c++20")):
        command = [compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic"]
        command += ["-fsyntax-only", "-I", str(root / "include"), "-"]
        source = "#include <valkey_swim/cluster_provider.h>\nint main(void) { return 0; }\n"
        result = subprocess.run(command, input=source, capture_output=True, text=True)
        if result.returncode != 0:
            reason = result.stderr.strip()[:2000]
            yield str(header.relative_to(root)), 1, "public header", f"does not compile as {standard}:\n{reason}"


def files_of(root):
    """Tracked and about to be tracked; without git, everything but build/."""
    git = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, capture_output=True, text=True) if (root / ".git").exists() else None
    if listed and listed.returncode == 0:
        names = sorted(set(listed.stdout.split("\0")) - {""})
    else:
        names = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
        names = [n for n in names if not n.startswith((".git/", "build/"))]
    return [n for n in names if (root / n).is_file() and not (root / n).is_symlink()]


def check_repository(root):
    root = pathlib.Path(root)
    for name in files_of(root):
        data = (root / name).read_bytes()
        if b"\0" in data[:8192]:
            continue
        text = data.decode("utf-8", "replace")
        found = list(check_text(name, text))
        if name.endswith(SOURCE):
            found += check_source(name, text)
        for line, rule, message in found:
            yield name, line, rule, message
    yield from check_public_header(root)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    violations = list(check_repository(root))
    for path, line, rule, message in violations:
        print(f"{path}:{line}: [{rule}] {message}")
    print(f"house: {len(files_of(root))} files, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
