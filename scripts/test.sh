#!/usr/bin/env bash
# Everything that must pass, on a bare Debian 12: installs, builds, runs every
# test under ctest. With --asan additionally builds compiler and runtime with
# ASan and UBSan and runs the tests that read untrusted input; with --fuzz runs
# the fuzz targets, those of parsers for a minute.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$repo"

install $build_packages $test_packages
cross
references
build release ON
say "testing (release)"
ctest --preset release -j "$jobs"

for option in "$@"; do
  case $option in
    --asan)
      build asan ON
      say "testing (asan, ubsan)"
      ctest --preset asan -j "$jobs"
      ;;
    --fuzz)
      build fuzz OFF fuzz
      say "fuzzing"
      # Where some targets put their input; in memory if possible.
      if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
      ctest --preset fuzz -j "$jobs"
      ;;
    *)
      echo "error: unknown option '$option'" >&2
      exit 2
      ;;
  esac
done
