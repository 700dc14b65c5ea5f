# How lit runs the tests of the compiler. Tools come from the build folder and
# from LLVM's tools; %examples are the models of the source tree, and features
# name what this machine can run.
import os
import platform
import shutil

import lit.formats

config.name = "bitnetc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)

config.environment["PATH"] = os.pathsep.join(
    [config.bitnetc_tools_dir, config.llvm_tools_dir, os.environ["PATH"]]
)
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%examples", config.examples_dir))

machine = platform.machine()
config.available_features.add({"arm64": "aarch64"}.get(machine, machine))
if machine == "aarch64" or shutil.which("qemu-aarch64-static"):
    config.available_features.add("run-aarch64")
