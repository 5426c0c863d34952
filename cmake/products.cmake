# What is built from the layers: the module, the provider as a C library, the simulator's program, the benchmarks.

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/module.map CONTENT
     "{ global: ValkeyModule_OnLoad; ValkeyModule_OnUnload; vswim_*; valkey_swim_*; local: *; };\n")
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/provider.map CONTENT "{ global: vswim_*; valkey_swim_*; local: *; };\n")

# vswim_shared(<name> <export map> <layers>): all objects of these layers and what they link, only mapped symbols visible.
function(vswim_shared name map)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${name}_anchor.cpp CONTENT "// The objects come from: ${ARGN}.\n")
  add_library(${name} SHARED ${PROJECT_BINARY_DIR}/${name}_anchor.cpp)
  foreach(layer IN LISTS ARGN)
    get_target_property(kind vswim_${layer} TYPE)
    if(kind STREQUAL "STATIC_LIBRARY") # whole: nothing refers to the entry points of a shared library
      target_link_options(${name} PRIVATE -Wl,--whole-archive $<TARGET_FILE:vswim_${layer}> -Wl,--no-whole-archive)
      set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS $<TARGET_FILE:vswim_${layer}>)
    endif()
    target_link_libraries(${name} PRIVATE vswim_${layer})
  endforeach()
  target_link_options(${name} PRIVATE -Wl,--version-script=${PROJECT_BINARY_DIR}/${map})
  if(NOT VSWIM_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endfunction()

vswim_shared(valkey_swim module.map module runtime)
vswim_shared(valkey_swim_provider provider.map runtime)

# For tests: the module one minor version on. Its objects come before the archives that hold the same names.
file(GLOB next_minor_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/wire/*.cpp)
add_library(vswim_next_minor OBJECT ${next_minor_sources} ${PROJECT_SOURCE_DIR}/src/core/metadata.cpp)
target_compile_definitions(vswim_next_minor PRIVATE VSWIM_NEXT_MINOR=1)
target_link_libraries(vswim_next_minor PUBLIC vswim_wire vswim_core)
vswim_precompiled(vswim_next_minor)
vswim_shared(valkey_swim_next module.map module runtime)
target_sources(valkey_swim_next PRIVATE $<TARGET_OBJECTS:vswim_next_minor>)

if(EXISTS ${PROJECT_SOURCE_DIR}/src/sim/main_simulate.cpp)
  vswim_program(simulate ${PROJECT_SOURCE_DIR}/src/sim/main_simulate.cpp LINKS vswim_sim)
endif()

# bench/<name>.cpp -> program bench_<name>; one that includes Google Benchmark is left out where that is missing.
file(GLOB benches CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.cpp)
foreach(bench IN LISTS benches)
  get_filename_component(name ${bench} NAME_WE)
  file(STRINGS ${bench} wants_library REGEX "#include <benchmark/")
  set(library)
  if(wants_library)
    if(NOT benchmark_FOUND)
      message(STATUS "bench_${name}: left out, no Google Benchmark")
      continue()
    endif()
    set(library benchmark::benchmark)
  endif()
  vswim_program(bench_${name} ${bench} LINKS vswim_sim vswim_runtime ${library})
endforeach()
