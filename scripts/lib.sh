# Sourced by the scripts beside it: goes to the project's root, and names the step that failed.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# The Node.js that scripts/setup brings where the system has none that will do.
prefer_own_node() {
  if [[ -d target/tools/node ]]; then PATH=$PWD/target/tools/node:$PATH; fi
}
prefer_own_node

current_step=starting
step() {
  current_step=$*
  printf '\n== %s\n' "$current_step"
}

name_the_failure() {
  (($1 == 0)) || printf '%s failed: %s\n' "$0" "$current_step" >&2
}
trap 'name_the_failure $?' EXIT
