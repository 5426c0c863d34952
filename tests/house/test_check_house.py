#!/usr/bin/python3
"""Each rule of the house can fail, and does not fail on its neighbours."""
import pathlib
import tempfile
import unittest

import check_house

# Written in two halves, or this file would break the rules it tests.
MACHINE = "/wo" + "rk/main/build"
HOST = "http://de" + "b.example.org/debian"
UNFINISHED = "// TO" + "DO later\n"
BROKEN = "// FIX" + "ME\n"


def rules_broken(path, text):
    """The names of the rules that a repository with this one file breaks."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, path)
        file.parent.mkdir(parents=True)
        file.write_text(text)
        return sorted({rule for _, _, rule, _ in check_house.check_repository(folder)})


FAILS = [
    ("include direction", "src/swim/a.cpp", '#include "gossip/delta.hpp"\n'),
    ("include direction", "src/gossip/a.cpp", '#include "swim/probe.hpp"\n'),
    ("include direction", "src/base/a.hpp", '#include "swim/probe.hpp"\n'),
    ("include direction", "src/core/a.cpp", '#include "provider/provider.hpp"\n'),
    ("include direction", "src/wire/a.cpp", '#include "provider/provider.hpp"\n'),
    ("include direction", "src/provider/a.cpp", '#include "runtime/node.hpp"\n'),
    ("include direction", "src/runtime/a.cpp", '#include "module/entry.hpp"\n'),
    ("include direction", "src/sim/a.cpp", '#include "runtime/node.hpp"\n'),
    ("include direction", "src/swim/a.cpp", '#include "valkey_swim/cluster_provider.h"\n'),
    ("include direction", "src/swim/a.cpp", '#include "probe.hpp"\n'),
    ("include direction", "src/swim/a.cpp", '#include "../gossip/delta.hpp"\n'),
    ("include direction", "src/swim/a.cpp", "#include <gossip/delta.hpp>\n"),
    ("include direction", "src/helpers/a.cpp", "#include <vector>\n"),
    ("include direction", "include/valkey_swim/a.h", '#include "base/ids.hpp"\n'),
    ("external library", "src/provider/a.cpp", "#include <asio.hpp>\n"),
    ("external library", "src/core/a.cpp", "#include <asio/ip/udp.hpp>\n"),
    ("external library", "src/provider/a.cpp", "#include <flatbuffers/flatbuffers.h>\n"),
    ("external library", "src/provider/a.cpp", '#include "generated/packet_generated.h"\n'),
    ("external library", "src/runtime/a.cpp", "#include <sodium.h>\n"),
    ("external library", "src/wire/a.cpp", "#include <sodium.h>\n"),
    ("include direction", "src/provider/a.cpp", '#include "seal/keyring.hpp"\n'),
    ("external library", "src/gossip/a.cpp", "#include <xxhash.h>\n"),
    ("external library", "src/base/rng.cpp", "#include <xxhash.h>\n"),
    ("external library", "src/provider/a.cpp", "#include <spdlog/spdlog.h>\n"),
    ("external library", "src/runtime/a.cpp", "#include <valkeymodule.h>\n"),
    ("clock", "src/swim/a.cpp", "auto t = std::chrono::steady_clock::now();\n"),
    ("clock", "src/base/a.cpp", "std::chrono::system_clock::time_point t;\n"),
    ("clock", "src/core/a.cpp", "clock_gettime(which, &t);\n"),
    ("clock", "src/core/a.cpp", "auto which = CLOCK_BOOTTIME;\n"),
    ("clock", "src/gossip/a.cpp", "gettimeofday(&t, nullptr);\n"),
    ("clock", "src/gossip/a.cpp", "auto t = time(nullptr);\n"),
    ("clock", "src/gossip/a.cpp", "auto t = std::time(NULL);\n"),
    ("clock", "src/sim/world.cpp", "std::chrono::steady_clock::now();\n"),
    ("randomness", "src/swim/a.cpp", "std::random_device d;\n"),
    ("randomness", "src/swim/a.cpp", "int x = rand();\n"),
    ("randomness", "src/wire/a.cpp", "getrandom(p, n, 0);\n"),
    ("randomness", "src/wire/a.cpp", "randombytes_buf(p, n);\n"),
    ("randomness", "src/sim/world.cpp", "std::mt19937_64 g;\n"),
    ("threads", "src/provider/a.cpp", "std::mutex m;\n"),
    ("threads", "src/sim/a.cpp", "std::thread t;\n"),
    ("threads", "src/core/a.cpp", "std::lock_guard<M> g(m);\n"),
    ("threads", "src/core/a.cpp", "pthread_mutex_lock(&m);\n"),
    ("threads", "src/base/a.cpp", "#include <condition_variable>\n"),
    ("virtual", "src/swim/a.hpp", "virtual void step();\n"),
    ("virtual", "src/gossip/a.hpp", "virtual void step();\n"),
    ("virtual", "src/shard_log/a.hpp", "virtual void step();\n"),
    ("virtual", "src/provider/a.hpp", "virtual void step();\n"),
    ("virtual", "src/core/a.hpp", "virtual void step();\n"),
    ("file size", "src/swim/a.cpp", "\n" * 501),
    ("file size", "include/valkey_swim/a.hpp", "\n" * 501),
    ("unfinished", "src/swim/a.cpp", UNFINISHED),
    ("unfinished", "tests/unit/swim/a.cpp", BROKEN),
    ("machine path", "docs/a.md", f"see {MACHINE}\n"),
    ("machine path", "tools/a", f'cd "{MACHINE}"\n'),
    ("package host", "tools/a", f"curl {HOST}\n"),
    ("public header", "include/valkey_swim/cluster_provider.h", "class C {};\n"),
    ("public header", "include/valkey_swim/cluster_provider.h", "int new;\n"),
]

PASSES = [
    ("src/swim/a.cpp", '#include "base/ids.hpp"\n#include "swim/probe.hpp"\n#include <vector>\n'),
    ("src/module/a.cpp", '#include "base/ids.hpp"\n#include "provider/provider.hpp"\n#include <spdlog/spdlog.h>\n'),
    ("src/wire/a.cpp", '#include "generated/packet_generated.h"\n#include "swim/message.hpp"\n'),
    ("src/seal/a.cpp", "#include <sodium.h>\n"),
    ("src/base/hash.cpp", "#include <xxhash.h>\n"),
    ("src/runtime/a.cpp", "#include <asio.hpp>\n#include <mutex>\nauto t = std::chrono::steady_clock::now();\n"),
    ("src/runtime/a.cpp", "virtual void step();\nstd::random_device d;\n"),
    ("src/contract/a.hpp", '#include "valkey_swim/cluster_provider.h"\n'),
    ("src/sim/main_simulate.cpp", "std::random_device d; auto t = std::chrono::steady_clock::now();\n"),
    ("tests/unit/swim/a.cpp", '#include "gossip/delta.hpp"\n#include <mutex>\nauto t = time(nullptr);\n' + "\n" * 501),
    ("src/swim/a.cpp", "// a virtual clock: steady_clock, rand(), std::mutex\n"),
    ("src/swim/a.cpp", '/* time(nullptr)\n rand() */ auto s = "rand() // std::mutex"; char c = \'"\'; auto d = 1\'000;\n'),
    ("src/swim/a.cpp", "auto t = probe.time(0); auto r = rng.rand(); operand(1); run_time(0);\n"),
    ("src/swim/a.cpp", "\n" * 500),
    ("include/valkey_swim/cluster_provider.h", "#include <stdint.h>\nuint64_t f(uint64_t x);\n"),
    ("tools/a", "cd $here/root/usr; cat network/work/x; see valkey.io\n"),
]


class House(unittest.TestCase):
    def test_each_rule_can_fail(self):
        for rule, path, text in FAILS:
            with self.subTest(rule=rule, path=path, text=text[:60]):
                self.assertEqual(rules_broken(path, text), [rule])

    def test_what_is_allowed_passes(self):
        for path, text in PASSES:
            with self.subTest(path=path, text=text[:60]):
                self.assertEqual(rules_broken(path, text), [])

    def test_a_violation_names_its_line(self):
        found = list(check_house.check_source("src/swim/a.cpp", "/* a\n b */\n\nint x = rand();\n"))
        self.assertEqual([line for line, _, _ in found], [4])

    def test_the_table_of_layers_has_no_cycle(self):
        for layer, links in check_house.LINKS.items():
            for below in links:
                self.assertNotIn(layer, check_house.closure(below))


if __name__ == "__main__":
    unittest.main()
