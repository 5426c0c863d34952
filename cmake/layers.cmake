# vswim_precompiled(<target>): the standard headers that most files include come precompiled, with VSWIM_PRECOMPILE.
if(VSWIM_PRECOMPILE)
  set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC) # one precompiled header for libraries and programs
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled.cpp CONTENT "// Owns the precompiled header.\n")
  add_library(vswim_standard_headers OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
  target_precompile_headers(vswim_standard_headers PRIVATE <algorithm> <array> <charconv> <chrono> <deque> <functional>
                            <map> <memory> <optional> <set> <span> <string> <string_view> <unordered_map> <variant> <vector>)
endif()
function(vswim_precompiled target)
  if(VSWIM_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM vswim_standard_headers)
  endif()
endfunction()

# vswim_layer(<layer> [ENTRY <file>] [LINKS <layers>] [EXTERNAL <targets>]): src/<layer>/ as library vswim_<layer>.
# ENTRY is left out of the library: it belongs to the program made from the layer. A folder that has no .cpp yet is an
# INTERFACE library, so that the layers above it build from the first day.

function(vswim_layer layer)
  cmake_parse_arguments(ARG "" "ENTRY" "LINKS;EXTERNAL" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${layer}/*.cpp)
  if(ARG_ENTRY)
    list(FILTER sources EXCLUDE REGEX "/src/${layer}/${ARG_ENTRY}$")
  endif()
  set(links ${ARG_LINKS})
  list(TRANSFORM links PREPEND vswim_)
  set(target vswim_${layer})
  if(sources)
    add_library(${target} STATIC ${sources})
    vswim_precompiled(${target})
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${target} ${scope} ${links} ${ARG_EXTERNAL})
endfunction()

# vswim_program(<name> <sources>... LINKS <targets>): a program at the top of the build folder.
function(vswim_program name)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  vswim_precompiled(${name})
endfunction()
