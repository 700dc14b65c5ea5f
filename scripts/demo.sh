#!/usr/bin/env bash
# The main job on a bare Debian 12: installs what is needed, builds bitnetc,
# compiles an example model for this very CPU and makes it write text.
# A second run reinstalls and rebuilds nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$repo"

install $build_packages
build release OFF bitnetc bitnet_bundle
say "compiling examples/story-ternary for this CPU"
build/bin/bitnetc examples/story-ternary/model.json -o build/story
say "build/story run \"Once upon a time\""
build/story run --seed 1 "Once upon a time"
