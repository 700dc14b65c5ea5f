# How lit runs the tests of the compiler. Tools come from the build folder and
# from LLVM's tools; %examples are the models of the source tree, %e2e the
# checkers of end-to-end tests, and features name what this machine has and can
# run.
import os
import platform
import shutil
import subprocess

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

config.substitutions += [
    ("%examples", config.examples_dir),
    ("%bench", os.path.join(config.source_dir, "test", "bench")),
    ("%serve", os.path.join(config.source_dir, "test", "serve")),
    ("%e2e", os.path.join(config.source_dir, "test", "e2e")),
    ("%bundles", os.path.join(config.bitnetc_tools_dir, "..", "lib", "bitnetc")),
    ("%abi", os.path.join(config.source_dir, "runtime", "abi")),
    ("%shared", config.shared_data),
    ("%python", config.python),
    ("%cc", config.c_compiler),
]

machine = platform.machine()
config.available_features.add({"arm64": "aarch64"}.get(machine, machine))
# Programs for 64-bit Arm and RISC-V: an emulator of its processors, and the runtime
# that they are linked with, which is built where there is what it is built from.
for arch, feature in (("aarch64", "run-arm64"), ("riscv64", "run-riscv64")):
    if shutil.which(f"qemu-{arch}-static") and os.path.exists(
            os.path.join(config.bitnetc_tools_dir, "..", "lib", "bitnetc", arch,
                         "runtime.o")):
        config.available_features.add(feature)
if machine == "x86_64" and shutil.which("qemu-x86_64-static"):
    config.available_features.add("emulate-x86_64")

# Objects for 64-bit RISC-V in C programs: an emulator, and a C library.
if shutil.which("qemu-riscv64-static") and shutil.which(config.c_compiler):
    found = subprocess.run(
        [config.c_compiler, "--target=riscv64-linux-gnu",
         "-print-file-name=libc.a"], capture_output=True, text=True)
    if os.path.isabs(found.stdout.strip()):
        config.available_features.add("c-riscv64")

if config.sanitized:
    config.available_features.add("sanitized")
if os.path.isdir(os.path.join(config.shared_data, "models")):
    config.available_features.add("shared-data")
# Generators of large models need numpy, which Debian's own Python may have.
for python in (config.python, "/usr/bin/python3"):
    if os.path.exists(python) and subprocess.run(
            [python, "-c", "import numpy"],
            stderr=subprocess.DEVNULL).returncode == 0:
        config.available_features.add("numpy")
        config.substitutions.append(("%numpy_python", python))
        break
if shutil.which("curl"):
    config.available_features.add("curl")
if os.getuid() == 0:
    config.available_features.add("root") # May change its root folder.
if shutil.which(config.c_compiler):
    config.available_features.add("c-compiler")

# The rows of the CPU table that this machine can execute, run-<row>. Decided
# without bitnetc, so that its own opinion is tested too.
AVX2 = {"avx", "avx2", "fma", "f16c", "bmi2", "popcnt"}
AVX512BW = AVX2 | {"avx512f", "avx512bw", "avx512dq", "avx512vl"}
AVX512VNNI = AVX512BW | {"avx512_vnni"}
AVX512 = AVX512VNNI | {"avx512vbmi", "avx512_vpopcntdq", "avx512_bitalg"}
CPU_ROWS = {
    "generic": set(),
    "x86-64-v2": {"ssse3", "sse4_1", "sse4_2", "popcnt"},
    "x86-64-v3": AVX2,
    "alderlake": AVX2 | {"avx_vnni"},
    "skylake-avx512": AVX512BW,
    "cascadelake": AVX512VNNI,
    "icelake-server": AVX512,
    "znver4": AVX512,
    "znver5": AVX512,
    "sapphirerapids": AVX512,
}


def cpu_flags():
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            for line in cpuinfo:
                if line.startswith("flags"):
                    return set(line.split())
    except OSError:
        pass
    return set()


if machine == "x86_64":
    flags = cpu_flags()
    for row, needed in CPU_ROWS.items():
        if needed <= flags:
            config.available_features.add("run-" + row)
