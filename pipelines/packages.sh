# shellcheck shell=bash
# Sourced by demo.sh, test.sh and others: installs what the build and the tests need, and only what is missing.

# install_missing PACKAGE...   Debian's names; with Homebrew the libraries come with macOS and only jq may be missing.
install_missing() {
  local package missing=() as_root=()
  if command -v apt-get >/dev/null; then
    for package in "$@"; do
      [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    echo "Installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    # --no-remove: rather stop than take away a package that is in the way.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-remove "${missing[@]}" >/dev/null
  elif command -v brew >/dev/null; then
    command -v jq >/dev/null || brew install jq
  else
    echo "Neither apt-get nor brew is here; if the build fails, install what these are called on your system: $*" >&2
  fi
}

# Stops with directions where there is no Swift 6.2 or later.
require_swift() {
  local version=""
  if command -v swift >/dev/null; then
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
  fi
  if ! printf '6.2\n%s\n' "$version" | sort -CV; then
    echo "rekey needs Swift 6.2 or later; found: ${version:-none}. To get it: https://www.swift.org/install/" >&2
    echo "On Linux, its installer swiftly does it: https://www.swift.org/install/linux/swiftly/" >&2
    return 69
  fi
}

# release_flags   Sets `flags`, with which the program that is installed is built: Swift, SQLite and the C++ runtime are linked into it
# where their static libraries are there. To be called in the project's folder.
release_flags() {
  local compiler library file static=$PWD/.build/static-libraries
  flags=(-c release)
  [ "$(uname)" = Linux ] || return 0
  compiler=$(command -v cc || command -v clang)
  # A folder that has the static libraries alone, searched first: without it the linker takes the shared ones.
  mkdir -p "$static"
  for library in libsqlite3.a libstdc++.a; do
    file=$("$compiler" -print-file-name="$library")
    if [ -f "$file" ]; then ln -sf "$(realpath "$file")" "$static/$library"; else echo "$library is not here: the system's shared one will be needed"; fi
  done
  flags+=(--static-swift-stdlib -Xswiftc "-L$static")
}
