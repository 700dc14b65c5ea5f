# Shared by the scripts here: where we are, installing packages once.

set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${BITNETC_JOBS:-2}

# What the compiler and the runtime are built from, and what tests need.
# llvm, mlir, clang and lld 22 come from Debian 12's security updates.
build_packages="cmake ninja-build ccache git ca-certificates
  g++ libc6-dev clang-22 lld-22 liblld-22-dev llvm-22-dev llvm-22-tools
  libmlir-22-dev mlir-22-tools libpolly-22-dev zlib1g-dev libzstd-dev
  nlohmann-json3-dev libpcre2-dev libboost1.81-dev libssl-dev"
test_packages="libgtest-dev libbenchmark-dev libeigen3-dev python3 python3-jinja2 python3-numpy
  python3-sentencepiece curl openssl chromium qemu-user-static libclang-rt-22-dev clang-format-22"

# What programs for other architectures are built from (runtime/CrossBundle.cmake),
# and the C library that objects for RISC-V are tested with.
cross_packages="binutils-aarch64-linux-gnu libstdc++-12-dev-arm64-cross
  libpcre2-dev:arm64 libssl-dev:arm64
  gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"
# The same for RISC-V, which Debian has since 13.
riscv64_packages="libc6-dev linux-libc-dev libgcc-14-dev libstdc++-14-dev
  libpcre2-dev libssl-dev zlib1g-dev libzstd-dev"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

# install PACKAGE...: only what is missing, so that a second run does nothing.
install() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
      grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local sudo=
  if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || {
      echo "error: install as root: apt-get install ${missing[*]}" >&2
      exit 1
    }
  fi
  say "installing ${missing[*]}"
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# sysroot ARCH PACKAGE...: Debian 13's packages for ARCH, unpacked into
# build-sysroot/ARCH, once. Nothing is installed and the machine's sources stay as
# they are: apt works in a folder of its own. It takes what is signed with the
# archive's keys, which Debian 12 has too, and nothing else.
sysroot() (
  arch=$1 to=$repo/build-sysroot/$1
  shift
  [ "$(cat "$to/packages" 2>/dev/null)" = "$*" ] && return
  say "unpacking Debian 13's libraries for $arch"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{preferences.d,state/lists/partial,cache/archives/partial,debs}
  touch "$work/status"
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [arch=$arch signed-by=$keys]" \
    "http://deb.debian.org/debian trixie main" >"$work/sources.list"
  # The user that apt downloads as, if it is root, sees the folder too.
  chmod 755 "$work"
  [ "$(id -u)" -ne 0 ] || chown _apt "$work/debs"
  apt=(apt-get -qq -o Dir::Etc="$work" -o Dir::State="$work/state"
    -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache"
    -o APT::Architecture="$arch" -o APT::Architectures::="$arch"
    -o Acquire::Languages=none -o APT::Update::Error-Mode=any
    -o Acquire::Retries=1)
  rm -rf "$to.new"
  mkdir -p "$to.new"
  # Spelled out, for `set -e` is off where the caller looks at the result.
  "${apt[@]}" update && (cd "$work/debs" && "${apt[@]}" download "$@") || return
  for package in "$work"/debs/*.deb; do
    dpkg-deb -x "$package" "$to.new" || return
  done
  echo "$*" >"$to.new/packages" && rm -rf "$to" && mv "$to.new" "$to"
)

# cross: cross_packages, on x86-64, and a sysroot. Without them the compiler makes
# only objects for other architectures, and tests of such programs are skipped.
cross() {
  [ "$(dpkg --print-architecture)" = amd64 ] || return 0
  local sudo=
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  (dpkg --print-foreign-architectures | grep -qx arm64 ||
    $sudo dpkg --add-architecture arm64
  install $cross_packages) ||
    say "no packages for cross compiling: programs for Arm are not tested"
  sysroot riscv64 $riscv64_packages ||
    say "no libraries for riscv64: programs for RISC-V are not tested"
}

# npm_packages FROM TO: those of FROM/package-lock.json into TO/node_modules.
npm_packages() {
  local from=$repo/$1 to=$repo/$2
  cmp -s "$from/package-lock.json" "$to/installed.json" && return
  command -v npm >/dev/null || install nodejs npm || true
  say "installing npm packages of $1"
  mkdir -p "$to"
  cp "$from/package.json" "$from/package-lock.json" "$to"
  if (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --silent); then
    cp "$from/package-lock.json" "$to/installed.json"
  else
    say "npm could not install them: tests that need them are skipped"
  fi
}

# references: what test/reference compares with and test/serve asks the server
# with. Without npm or network the tests that need them are skipped.
references() {
  npm_packages test/reference build-reference
  npm_packages test/serve build-serve
}

# build PRESET TESTS [TARGET...]: TESTS is ON or OFF
build() {
  local preset=$1 tests=$2
  shift 2
  say "building ($preset)"
  (cd "$repo" && cmake --preset "$preset" -DBITNETC_BUILD_TESTS="$tests" >/dev/null)
  cmake --build "$repo/$([ "$preset" = release ] && echo build || echo "build-$preset")" \
    -j "$jobs" ${1:+--target "$@"}
}
