# Configuration of the lit tests: what the compiler and its tools print.
#
# Tests are *.mlir and *.test files in the folders of this one, with RUN lines; FileCheck and not come from LLVM. Folders of data,
# helpers and GoogleTest sources hold no tests.
import os

import lit.formats
from lit.llvm import llvm_config

config.name = "Kiln"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "data", "models", "oracle", "CMakeLists.txt", "README.md"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.kiln_binary_dir, "test")

llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.kiln_tools_dir, append_path=True)
# A tool of the same name elsewhere in PATH must not be taken for ours.
for tool in ("kiln", "kiln-opt", "kiln-interpret", "tensor-tool"):
    config.substitutions.append((r"(?<![\w./-])%s(?![\w./-])" % tool, os.path.join(config.kiln_tools_dir, tool)))
config.substitutions.append(("%source", config.kiln_source_dir))
config.substitutions.append(("%binary", config.kiln_binary_dir))
config.substitutions.append(("%cxx", config.kiln_cxx))
# Kiln's own switches must come from the test alone.
for variable in ("KILN_ISA", "KILN_NUM_THREADS", "KILN_DEVICE"):
    config.environment.pop(variable, None)
