#!/usr/bin/python3
"""Scripts and functions answer what a native cluster answers, line by line: declared and undeclared keys, flags, replicas."""
from harness import VERSION, Skipped, equal, main
from side_by_side import Pair, replicated

DECLARED = """
a: EVAL "return redis.call('set', KEYS[1], ARGV[1])" 1 %Ak 7
a: EVAL "return redis.call('get', KEYS[1])" 1 %Ak
a: EVAL "return redis.call('set', KEYS[1], 1)" 1 %Bk
a: EVAL "return redis.call('mset', KEYS[1], 1, KEYS[2], 2)" 2 %Ak %Ak2
a: EVAL "return 1" 2 %Ak %Ck
a: EVAL "return 1" 2 %Ak %Bk
a: EVAL "return 1" 0
a: EVAL "return 1" notanumber
a: EVAL "return 1" -1
a: EVAL "return 1" 5 %Ak
a: EVAL "return 1"
a: EVAL "syntax error here" 1 %Ak
a: EVAL "syntax error here" 1 %Bk
a: EVAL_RO "return redis.call('get', KEYS[1])" 1 %Ak
a: EVAL_RO "return redis.call('set', KEYS[1], 1)" 1 %Ak
a: EVAL_RO "return redis.call('get', KEYS[1])" 1 %Bk
a: SCRIPT LOAD "return redis.call('incr', KEYS[1])"
a: EVALSHA 6b1bf486c81ceb7edf3c093f4c48582e38c0e791 1 %An
a: EVALSHA 2bab3b661081db58bd2341920e0ba7cf5dc77b25 1 %An
a: EVALSHA ffffffffffffffffffffffffffffffffffffffff 1 %Ak
a: EVALSHA ffffffffffffffffffffffffffffffffffffffff 1 %Bk
a: EVALSHA_RO ffffffffffffffffffffffffffffffffffffffff 1 %Bk
a: EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
a: SCRIPT EXISTS ffffffffffffffffffffffffffffffffffffffff
"""

UNDECLARED = """
a: EVAL "return redis.call('set', '%Au', 1)" 0
a: EVAL "return redis.call('get', '%Au')" 0
a: EVAL "return redis.call('get', '%Cu')" 1 %Ak
a: EVAL "redis.call('set', '%Au', 1) return redis.call('set', '%Cu', 1)" 0
a: EVAL "return redis.call('get', '%Bu')" 0
a: EVAL "return redis.call('set', '%Bu', 1)" 1 %Ak
a: EVAL "return redis.pcall('get', '%Bu')['err']" 1 %Ak
a: EVAL "return redis.call('mget', '%Au', '%Cu')" 0
a: EVAL "return redis.call('mget', '%Au', '%Bu')" 0
a: EVAL "return redis.call('mget', '%Bu', '%Bv')" 0
a: EVAL "redis.call('set', '%Ap', 'half') return redis.call('set', '%Bp', 1)" 0
a: GET %Ap
a: EVAL "return redis.call('xgroup', 'create', '%Bs', 'g', '$', 'mkstream')" 0
a: EVAL "return redis.call('sort', '%Bl')" 0
a: EVAL "return redis.call('eval', 'return 1', 0)" 0
a: EVAL "return redis.call('publish', 'c', 'm')" 0
a: EVAL "return redis.call('spublish', '%Bc', 'm')" 0
a: EVAL "return redis.call('cluster', 'keyslot', 'x')" 0
a: EVAL "return redis.call('dbsize')" 0
a: EVAL "return redis.call('nosuchcommand', 'x')" 0
a: EVAL "return redis.call('get')" 0
a: EVAL "return redis.call('blpop', '%Aempty', 0)" 0
a: EVAL "return redis.call('blpop', '%Bempty', 0)" 0
a: EVAL "return redis.call('multi')" 0
a: EVAL "return redis.call('readonly')" 0
"""

FLAGS = r"""
a: EVAL "#!lua\nreturn redis.call('set', KEYS[1], 1)" 1 %Af
a: EVAL "#!lua\nreturn redis.call('set', '%Af', 1)" 0
a: EVAL "#!lua\nredis.call('set', '%Af', 1) return redis.call('set', '%Cf', 1)" 0
a: GET %Cf
a: EVAL "#!lua\nreturn redis.call('set', '%Cf', 1)" 1 %Af
a: EVAL "#!lua\nreturn redis.call('get', '%Bf')" 1 %Af
a: EVAL "#!lua flags=allow-cross-slot-keys\nredis.call('set', '%Af', 1) return redis.call('set', '%Cf', 2)" 0
a: GET %Cf
a: EVAL "#!lua flags=allow-cross-slot-keys\nreturn redis.call('set', '%Bf', 1)" 0
a: EVAL "#!lua flags=allow-cross-slot-keys\nreturn 1" 2 %Af %Cf
a: EVAL "#!lua flags=no-cluster\nreturn 1" 0
a: EVAL "#!lua flags=no-cluster\nreturn 1" 1 %Af
a: EVAL "#!lua flags=no-cluster\nreturn 1" 1 %Bf
a: EVAL "#!lua flags=no-cluster,no-writes\nreturn 1" 0
a: EVAL "#!lua flags=no-writes\nreturn redis.call('set', KEYS[1], 1)" 1 %Af
a: EVAL "#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])" 1 %Af
a: EVAL_RO "#!lua\nreturn redis.call('get', KEYS[1])" 1 %Af
a: SCRIPT LOAD "#!lua flags=no-cluster\nreturn 1"
a: EVALSHA 0eaa2c3bbe3e8f2b6a8b9ff0e5e4a8ce8a5d4f7a 0
a: EVAL "#!lua flags=nosuchflag\nreturn 1" 0
a: EVAL "#!nosuchengine\nreturn 1" 0
"""

FUNCTIONS = r"""
a: FUNCTION LOAD "#!lua name=plain\nredis.register_function('fset', function(k, a) return redis.call('set', k[1], a[1]) end)\nredis.register_function('undeclared', function(k, a) redis.call('set', a[1], 1) return redis.call('set', a[2], 1) end)\nredis.register_function{function_name='fget', callback=function(k, a) return redis.call('get', k[1]) end, flags={'no-writes'}}\nredis.register_function{function_name='fcross', callback=function(k, a) redis.call('set', a[1], 1) return redis.call('set', a[2], 1) end, flags={'allow-cross-slot-keys'}}\nredis.register_function{function_name='fno', callback=function(k, a) return 1 end, flags={'no-cluster'}}"
a: FCALL fset 1 %Ag 1
a: FCALL fset 1 %Bg 1
a: FCALL fset 2 %Ag %Cg 1
a: FCALL fget 1 %Ag
a: FCALL_RO fget 1 %Ag
a: FCALL_RO fset 1 %Ag 1
a: FCALL_RO fget 1 %Bg
a: FCALL nosuch 1 %Ag
a: FCALL nosuch 1 %Bg
a: FCALL undeclared 0 %Ag %Ah
a: FCALL undeclared 0 %Ag %Cg
a: EXISTS %Cg
a: FCALL undeclared 1 %Ag %Ah %Bg
a: FCALL fcross 0 %Ag %Cg
a: FCALL fcross 0 %Ag %Bg
a: FCALL fno 0
a: FCALL fno 1 %Ag
a: FCALL fno 1 %Bg
a: FCALL_RO fno 0
a: MULTI
a: FCALL fset 1 %Ag 5
a: FCALL fno 0
a: FCALL undeclared 0 %Ag %Cg2
a: FCALL fset 1 %Bg 5
a: EXEC
a: MULTI
a: FCALL fset 1 %Ag 6
a: FCALL fno 0
a: FCALL undeclared 0 %Ag %Cg2
a: FCALL fcross 0 %Ag %Cg2
a: EVAL "#!lua flags=no-cluster\nreturn 1" 0
a: EVAL "return redis.call('set', '%Bg', 1)" 0
a: EXEC
a: FUNCTION DELETE nosuch
a: FUNCTION LIST LIBRARYNAME nosuch
"""

REPLICA = r"""
r2: EVAL "return 1" 0
r2: EVAL "return 1" 1 %Ak
r2: EVAL_RO "return 1" 1 %Ak
r2: EVAL "return redis.call('get', '%Ak')" 0
r2: EVAL "return redis.call('set', '%Ak', 2)" 0
r2: FCALL_RO fget 1 %Ag
r2: READONLY
r2: EVAL_RO "return redis.call('get', KEYS[1])" 1 %Ak
r2: EVAL_RO "return redis.call('get', KEYS[1])" 1 %Bk
r2: EVALSHA_RO ffffffffffffffffffffffffffffffffffffffff 1 %Ak
r2: EVAL "return redis.call('get', KEYS[1])" 1 %Ak
r2: EVAL "#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])" 1 %Ak
r2: EVAL "#!lua\nreturn redis.call('get', KEYS[1])" 1 %Ak
r2: EVAL_RO "return redis.call('get', '%Bk')" 1 %Ak
r2: EVAL_RO "return redis.call('get', '%Ck')" 1 %Ak
r2: EVAL_RO "return redis.call('get', '%Ak')" 0
r2: EVAL_RO "return redis.call('mget', '%Ak', '%Ck')" 0
r2: FCALL_RO fget 1 %Ag
r2: FCALL fget 1 %Ag
r2: FCALL fset 1 %Ag 1
r2: FUNCTION LOAD "#!lua name=more\nredis.register_function('f', function() return 1 end)"
r2: FUNCTION FLUSH
r2: SCRIPT LOAD "return 1"
r2: READWRITE
r2: EVAL_RO "return redis.call('get', KEYS[1])" 1 %Ak
"""

DOWN = """
a: CLUSTER DELSLOTS 100
a: EVAL "return 1" 1 %Ak
a: EVAL "return redis.call('get', '%Ak')" 0
a: EVAL "return redis.call('get', '%Ck')" 0
a: EVAL "return 1" 0
a: FCALL fget 1 %Ck
a: CLUSTER ADDSLOTS 100
"""


def test_the_same_answers_as_native():
    if VERSION >= "9":
        raise Skipped("a native 9.1.2 refuses every later call of every script once one of them met a foreign key")
    pair = Pair()
    pair.talk("declared keys", DECLARED)
    pair.talk("undeclared keys", UNDECLARED)
    pair.talk("flags", FLAGS)
    pair.talk("functions", FUNCTIONS)
    pair.talk("what the replica reads", "a: SET %Ak 1\na: SET %Ag 1\na: WAIT 1 1000")
    for cluster in pair.clusters:
        replicated(cluster)
    pair.talk("on a replica", REPLICA)
    equal(pair.differences, 0, f"lines that differ of {pair.compared}")
    pair.end()


if __name__ == "__main__":
    main(test_the_same_answers_as_native)
