# Tests by folder: one ctest entry per program or script. A tests/<kind>/CMakeLists.txt replaces the rule of its kind.
# Labels: unit, property, scenarios, host, house, cluster, and whatever a folder of its own declares.

set(PYTHON /usr/bin/python3) # Debian's, not the first on PATH: its client libraries belong to it
foreach(label unit property scenarios) # "ninja label_unit" builds what "ctest -L unit" runs
  add_custom_target(label_${label})
endforeach()

# g++ 12's ThreadSanitizer does not know the address layout of newer kernels; without randomisation it works.
set(runner)
if(VSWIM_SANITIZE STREQUAL "thread")
  set(runner setarch --addr-no-randomize)
endif()

# vswim_catch(<name> LABEL <label> LINKS <targets> SOURCES <files>)
function(vswim_catch name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "LINKS;SOURCES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  vswim_program(${name} ${ARG_SOURCES} LINKS ${ARG_LINKS} Catch2::Catch2WithMain)
  target_compile_definitions(${name} PRIVATE VSWIM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(TARGET label_${ARG_LABEL})
    add_dependencies(label_${ARG_LABEL} ${name})
  endif()
  add_test(NAME ${name} COMMAND ${runner} $<TARGET_FILE:${name}> WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

function(vswim_test_folder folder)
  if(EXISTS ${PROJECT_SOURCE_DIR}/tests/${folder}/CMakeLists.txt)
    add_subdirectory(${PROJECT_SOURCE_DIR}/tests/${folder} ${PROJECT_BINARY_DIR}/tests/${folder})
    return()
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*.cpp)
  if(sources)
    cmake_parse_arguments(ARG "" "NAME;LABEL;TIMEOUT" "LINKS" ${ARGN})
    vswim_catch(${ARG_NAME} LABEL ${ARG_LABEL} LINKS ${ARG_LINKS} SOURCES ${sources} TIMEOUT ${ARG_TIMEOUT})
  endif()
endfunction()

foreach(layer base contract seal swim gossip shard_log wire provider core runtime module sim)
  vswim_test_folder(unit/${layer} NAME unit_${layer} LABEL unit LINKS vswim_${layer})
endforeach()
# ThreadSanitizer makes the machines 50 times slower, which have no threads: a tenth of the seeds and of the scenarios.
set(scenario_every 1)
if(VSWIM_SANITIZE STREQUAL "thread")
  set_tests_properties(unit_shard_log PROPERTIES ENVIRONMENT VSWIM_SEEDS=1-60)
  set(scenario_every 10)
endif()
vswim_test_folder(property NAME property LABEL property LINKS vswim_sim TIMEOUT 1200)

# Scenarios are text (docs/scenarios.md). In the mutation build each has to go red without the rules that its head names.
file(GLOB scenarios CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/scenarios/*.txt)
add_dependencies(label_scenarios simulate)
set(played)
set(number 0)
foreach(scenario IN LISTS scenarios) # by name: which of them are played is nobody's choice
  math(EXPR turn "${number} % ${scenario_every}")
  if(turn EQUAL 0)
    list(APPEND played ${scenario})
  endif()
  math(EXPR number "${number} + 1")
endforeach()
add_test(NAME scenarios COMMAND ${runner} $<TARGET_FILE:simulate> scenario ${played})
set_tests_properties(scenarios PROPERTIES LABELS scenarios TIMEOUT 600)
if(VSWIM_MUTATIONS)
  add_test(NAME scenario_claims COMMAND $<TARGET_FILE:simulate> scenario --claims ${scenarios})
  set_tests_properties(scenario_claims PROPERTIES LABELS scenarios TIMEOUT 600)
endif()

# Folders that are only ever their own: registered when they bring a CMakeLists.txt.
foreach(folder fuzz golden model compat)
  if(EXISTS ${PROJECT_SOURCE_DIR}/tests/${folder}/CMakeLists.txt)
    add_subdirectory(${PROJECT_SOURCE_DIR}/tests/${folder} ${PROJECT_BINARY_DIR}/tests/${folder})
  endif()
endforeach()

# A C host of the provider's C ABI.
if(EXISTS ${PROJECT_SOURCE_DIR}/tests/host/CMakeLists.txt)
  add_subdirectory(${PROJECT_SOURCE_DIR}/tests/host ${PROJECT_BINARY_DIR}/tests/host)
else()
  file(GLOB host CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/host/*.c)
  if(host)
    add_executable(provider_host ${host})
    target_include_directories(provider_host PRIVATE ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(provider_host PRIVATE valkey_swim_provider Threads::Threads)
    target_compile_options(provider_host PRIVATE -D_POSIX_C_SOURCE=200809L)
    set_target_properties(provider_host PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
    add_test(NAME provider_host COMMAND provider_host)
    set_tests_properties(provider_host PROPERTIES LABELS host TIMEOUT 120)
  endif()
endif()

# The rules of the house, and the proof that each of them can fail.
add_test(NAME house COMMAND ${PYTHON} ${PROJECT_SOURCE_DIR}/tests/house/check_house.py ${PROJECT_SOURCE_DIR})
add_test(NAME house_self COMMAND ${PYTHON} ${PROJECT_SOURCE_DIR}/tests/house/test_check_house.py)
set_tests_properties(house house_self PROPERTIES LABELS house TIMEOUT 120 ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)

# Real servers. trace_module is loaded beside the module by those that compare execution times with the lease; sick_disk
# is preloaded by those whose disks fail, stepped_clock by those whose wall clock is set.
foreach(helper trace_module sick_disk stepped_clock)
  add_library(${helper} MODULE ${PROJECT_SOURCE_DIR}/tests/cluster/helpers/${helper}.cpp)
  set_target_properties(${helper} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endforeach()
foreach(preloaded sick_disk stepped_clock)
  target_sources(${preloaded} PRIVATE ${PROJECT_SOURCE_DIR}/tests/cluster/helpers/no_deepbind.cpp)
  target_link_libraries(${preloaded} PRIVATE ${CMAKE_DL_LIBS})
endforeach()

# A stock server loads a module with a sanitizer only if that comes first: VSWIM_PRELOAD (tests/cluster/harness.py). Of the
# tests with real servers a sanitizer's run takes those labelled failover; "ninja label_failover" builds what they need.
set(preload)
set(stretch 1)
add_custom_target(label_failover)
add_dependencies(label_failover valkey_swim)
if(VSWIM_SANITIZE)
  add_library(jemalloc_shim SHARED ${PROJECT_SOURCE_DIR}/tests/cluster/helpers/jemalloc_shim.c)
  add_dependencies(label_failover jemalloc_shim)
  set(sanitizer libasan.so)
  if(VSWIM_SANITIZE STREQUAL "thread")
    set(sanitizer libtsan.so)
  endif()
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${sanitizer} OUTPUT_VARIABLE sanitizer
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(preload "${sanitizer} $<TARGET_FILE:jemalloc_shim>")
  set(stretch 3)
endif()

# Scripts have ports and namespaces of their own and wait most of their time, so that some run at once; of those that keep
# a processor busy, or stop processes at moments that they choose, only one.
set(busy_scripts clock_steps disk_faults fence history isolation manual_failover migrate_under_load mixed_faults module_fence
                 reshard_under_load stops)
function(vswim_cluster_test name script version)
  add_test(NAME cluster.${name} COMMAND ${runner} ${PYTHON} ${script}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/cluster)
  set_tests_properties(
    cluster.${name}
    PROPERTIES LABELS cluster
               TIMEOUT 900
               SKIP_RETURN_CODE 77
               ENVIRONMENT
               "VSWIM_SERVER_VERSION=${version};VSWIM_MODULE=$<TARGET_FILE:valkey_swim>;VSWIM_SERVERS=${PROJECT_SOURCE_DIR}/build/servers;PYTHONPATH=${PROJECT_SOURCE_DIR}/build/python;PYTHONDONTWRITEBYTECODE=1;VSWIM_PRELOAD=${preload};VSWIM_LIMIT_FACTOR=${stretch}")
endfunction()

file(GLOB cluster_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cluster/test_*.py)
foreach(script IN LISTS cluster_tests)
  get_filename_component(name ${script} NAME_WE)
  string(REGEX REPLACE "^test_" "" name ${name})
  vswim_cluster_test(${name} ${script} 8.0)
  if(name IN_LIST busy_scripts)
    set_tests_properties(cluster.${name} PROPERTIES RESOURCE_LOCK processor)
  endif()
endforeach()
set_property(TEST cluster.failover APPEND PROPERTY LABELS failover)
# A primary that is preempted between its answer to MIGRATE and its write to its replica loses the key when it is killed
# there (README, Limits; natively too): this one has the processors for itself.
set_tests_properties(cluster.reshard_under_load PROPERTIES RUN_SERIAL ON)
# Where 9.1 goes ways of its own: it runs a script's commands without a client.
vswim_cluster_test(migrate_and_flush_9.1 ${PROJECT_SOURCE_DIR}/tests/cluster/test_migrate_and_flush.py 9.1)
# Where it tells of every command, and where it has a command of the same name that must not answer.
vswim_cluster_test(slot_usage_9.1 ${PROJECT_SOURCE_DIR}/tests/cluster/test_slot_usage.py 9.1)
vswim_cluster_test(clusterscan_9.1 ${PROJECT_SOURCE_DIR}/tests/cluster/test_clusterscan.py 9.1)
