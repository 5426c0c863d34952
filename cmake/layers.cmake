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
endfunction()
