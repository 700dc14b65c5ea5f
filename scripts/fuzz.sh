#!/usr/bin/env bash
# fuzz.sh [SECONDS] [TARGET...]: builds the fuzz targets (test/fuzz) and runs
# each of them, or those that are named, for SECONDS (60). Prints a table and
# fails if there is a finding; the inputs are then in crashes/ of the build.
# BITNETC_FUZZ_DIR: where to build, instead of build-fuzz.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=${1:-60}
shift || true
build=${BITNETC_FUZZ_DIR:-$repo/build-fuzz}
install $build_packages $test_packages
say "building (fuzz)"
(cd "$repo" && cmake --preset fuzz -B "$build" >/dev/null)
cmake --build "$build" -j "$jobs" --target fuzz

work=$build/test/fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=($(ls "$work/run"))
# Where some targets put their input; in memory if possible.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

stat() { grep -a "^stat::$1:" "$2" | tail -1 | tr -dc 0-9; }
table=$(printf '%-16s %12s %8s %9s %6s' target executions per-sec inputs crashes)
failed=0
for target in "${targets[@]}"; do
  say "$target for $seconds s"
  log=$work/$target.log
  status=0
  sh "$work/run/$target" -max_total_time="$seconds" >"$log" 2>&1 || status=1
  failed=$((failed | status))
  [ $status -eq 0 ] || grep -a -m 5 -E \
    '^SUMMARY|ERROR: |runtime error|Test unit written' "$log" >&2 || tail -3 "$log" >&2
  table+=$'\n'$(printf '%-16s %12s %8s %9s %6s' "$target" \
    "$(stat number_of_executed_units "$log")" \
    "$(stat average_exec_per_sec "$log")" \
    "$(ls "$work/found/$target" | wc -l)" $status)
done
echo "$table"
exit $failed
