"""The `test` blocks of Valkey's cluster suite and what tests/compat/blocks.tsv says of each.

A row: file, line, name as it stands in the file (so with variables), class, reason, the line that decides, lines cut.

  behaviour   what a client, an operator or an old tool sees: has to pass here
  old bus     cannot be put without the server's own cluster bus, its packets, files, log texts or DEBUG commands, or
              needs several databases: left out
  off         the suite itself does not run it here (TLS only, or disabled by its authors)

`cut`: lines of a behaviour block that look at the old implementation on the side, mostly a log text; they are taken out
of the copy that is run, the rest of the block has to pass. With the reason "has to fail" (why: exceptions.tsv) it is the
lines that would end the block before it has put back what it changed: it counts as failed, whatever it says.
"""
import pathlib
import re

TABLE = pathlib.Path(__file__).with_name("blocks.tsv")
CLASSES = ("behaviour", "old bus", "off")
COLUMNS = ("file", "line", "name", "class", "reason", "decided by", "cut")


def found_in(text):
    """[(line, name)] of a file of the suite."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*test\s+(?:"((?:\\.|[^"\\])*)"|\{([^{}]*)\})\s*\{', line)
        if m:
            found.append((number, m[1] if m[1] is not None else m[2]))
    return found


class Block:
    def __init__(self, row):
        self.file, self.line, self.name, self.kind, self.reason, self.decided_by, cut = row
        self.line = int(self.line)
        self.cut = [tuple(map(int, (part.split("-") * 2)[:2])) for part in cut.split(",") if part]
        self.has_to_fail = self.reason.startswith("has to fail")
        assert self.kind in CLASSES, row
        # Tcl puts values for $name, ${name} and [command]; nothing else varies in the names of this suite.
        name = self.name.replace('\\"', '"')
        parts = re.split(r"(\$\{?\w+\}?|\[[^]]*\])", name)
        self.pattern = "^" + "".join(".*" if i % 2 else re.escape(p) for i, p in enumerate(parts)) + "$"

    def is_named(self, name):
        return re.match(self.pattern, name) is not None


def load():
    lines = TABLE.read_text().splitlines()
    assert tuple(lines[0].split("\t")) == COLUMNS, lines[0]
    return [Block((line + "\t" * (len(COLUMNS) - 1 - line.count("\t"))).split("\t")) for line in lines[1:]]
