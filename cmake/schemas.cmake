# schemas/<name>.fbs -> <build>/schemas/generated/<name>_generated.h, included as "generated/<name>_generated.h".

find_program(FLATC flatc REQUIRED)
file(GLOB schemas CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schemas/*.fbs)
set(generated_dir ${PROJECT_BINARY_DIR}/schemas/generated)
set(generated_headers)
foreach(schema IN LISTS schemas)
  get_filename_component(name ${schema} NAME_WE)
  set(header ${generated_dir}/${name}_generated.h)
  # Every header depends on all schemas: they include each other, and flatc is fast.
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${FLATC} --cpp --scoped-enums --gen-object-api -I ${PROJECT_SOURCE_DIR}/schemas -o ${generated_dir} ${schema}
    DEPENDS ${schemas}
    COMMENT "flatc ${name}.fbs"
    VERBATIM)
  list(APPEND generated_headers ${header})
endforeach()

add_library(vswim_schemas INTERFACE)
# SYSTEM: generated code is not held to our warnings.
target_include_directories(vswim_schemas SYSTEM INTERFACE ${PROJECT_BINARY_DIR}/schemas)
if(generated_headers)
  add_custom_target(vswim_generate DEPENDS ${generated_headers})
  add_dependencies(vswim_schemas vswim_generate)
endif()
