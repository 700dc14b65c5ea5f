#!/usr/bin/env bash
# Everything that must pass, on a bare Debian 12: installs, builds, runs every
# test under ctest. With --asan additionally builds compiler and runtime with
# ASan and UBSan and runs the tests that read untrusted input.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$repo"

install $build_packages $test_packages
build release ON
say "testing (release)"
ctest --preset release -j "$jobs"

if [ "${1:-}" = --asan ]; then
  build asan ON
  say "testing (asan, ubsan)"
  ctest --preset asan -j "$jobs"
fi
