#!/usr/bin/env bash
# Builds rekey and installs it with its manual pages, its completions and its documentation.
#
#   pipelines/install.sh PREFIX           below PREFIX, such as ~/.local or /usr/local
#   DESTDIR=DIR pipelines/install.sh /usr     the same below DIR, as packagers do
#
# The program is one stripped file. Swift, SQLite and the C++ runtime are linked into it where their static libraries are
# there (Debian: libsqlite3-dev and g++); then it needs only the system's C library, libgcc, libcurl and zlib. REKEY=FILE installs
# that program and builds none.
set -euo pipefail

[ $# -eq 1 ] && [[ $1 == /* ]] || { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2; exit 64; }
prefix=$1
target=${DESTDIR:-}$prefix
cd "$(dirname "$0")/.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh
if [ -z "${REKEY:-}" ]; then
  install_missing zlib1g-dev libcurl4-openssl-dev libsqlite3-dev
  require_swift

  release_flags
  swift build "${flags[@]}" --product rekey
  REKEY=$(swift build "${flags[@]}" --show-bin-path)/rekey
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$REKEY" "$work/rekey"
strip "$work/rekey"
mkdir "$work/man"
"$work/rekey" manual "$work/man"

install -d "$target/bin" "$target/share/man/man1" "$target/share/doc/rekey/docs" "$target/share/doc/rekey/pipelines" \
  "$target/share/bash-completion/completions" \
  "$target/share/zsh/site-functions" "$target/share/fish/vendor_completions.d"
install -m 755 "$work/rekey" "$target/bin/rekey"
install -m 644 "$work"/man/*.1 "$target/share/man/man1/"
"$work/rekey" completions bash > "$target/share/bash-completion/completions/rekey"
"$work/rekey" completions zsh > "$target/share/zsh/site-functions/_rekey"
"$work/rekey" completions fish > "$target/share/fish/vendor_completions.d/rekey.fish"
install -m 644 README.md CHANGELOG.md "$target/share/doc/rekey/"
install -m 644 docs/* "$target/share/doc/rekey/docs/"
install -m 644 pipelines/*.yaml "$target/share/doc/rekey/pipelines/"
echo "Installed $("$target/bin/rekey" --version) as $target/bin/rekey ($(du -h "$target/bin/rekey" | cut -f1))"
