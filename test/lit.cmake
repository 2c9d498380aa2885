# Targets that run the lit tests: check-kiln-lit shows what fails, check-lit-report writes a report for tools/check.sh too.
configure_file(lit.site.cfg.py.in lit.site.cfg.py @ONLY)
set(lit_command ${LLVM_TOOLS_BINARY_DIR}/lit -sv ${CMAKE_CURRENT_BINARY_DIR})
set(lit_tools kiln-opt kiln-interpret)
foreach(tool kiln tensor-tool training-tool kiln_bench_host)
  if(TARGET ${tool})
    list(APPEND lit_tools ${tool})
  endif()
endforeach()
add_custom_target(check-kiln-lit
  COMMAND ${lit_command}
  DEPENDS ${lit_tools} USES_TERMINAL COMMENT "Running the lit tests")
add_custom_target(check-lit-report
  COMMAND ${lit_command} --xunit-xml-output=${PROJECT_BINARY_DIR}/test-results/lit.xml
  DEPENDS ${lit_tools} USES_TERMINAL COMMENT "Running the lit tests")
