#!/usr/bin/env bash
# Builds a Debian package of rekey for this machine's architecture and release of Debian or Ubuntu.
#
#   pipelines/package.sh [DIR]     writes DIR/rekey_VERSION_ARCH.deb (DIR is .build/package unless given)
#
# What the program needs is found by dpkg-shlibdeps (package dpkg-dev). package-test.sh installs the package in a clean system.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh
install_missing dpkg-dev

output=${1:-.build/package}
mkdir -p "$output"
output=$(cd "$output" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir -p "$root/build/debian" "$root/tree/DEBIAN"

DESTDIR=$root/tree bash pipelines/install.sh /usr
install -m 644 LICENSE "$root/tree/usr/share/doc/rekey/copyright"
gzip -9n "$root"/tree/usr/share/man/man1/*.1
gzip -9nc CHANGELOG.md > "$root/tree/usr/share/doc/rekey/changelog.gz"
rm "$root/tree/usr/share/doc/rekey/CHANGELOG.md"

version=$("$root/tree/usr/bin/rekey" --version)
architecture=$(dpkg --print-architecture)
# dpkg-shlibdeps wants to stand in a source package.
printf 'Source: rekey\nMaintainer: The rekey authors\n\nPackage: rekey\nArchitecture: any\nDescription: rekey\n' > "$root/build/debian/control"
depends=$(cd "$root/build" && dpkg-shlibdeps -O "$root/tree/usr/bin/rekey" | sed 's/^shlibs:Depends=//')
cat > "$root/tree/DEBIAN/control" <<CONTROL
Package: rekey
Version: $version
Architecture: $architecture
Maintainer: The rekey authors <rekey@localhost>
Installed-Size: $(du -sk "$root/tree/usr" | cut -f1)
Depends: $depends, ca-certificates
Section: database
Priority: optional
Description: moves DynamoDB items to new keys and proves that nothing was lost
 A rule file says which items get which new key. rekey proves the rules without
 data, copies, verifies, deletes and can take all of it back; it reads live
 tables, AWS exports, snapshots and local files, in pipes or as one migration.
CONTROL
package=$output/rekey_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root/tree" "$package" >/dev/null
dpkg-deb --info "$package" | sed -n 's/^ \(Depends\|Installed-Size\): /\1: /p'
echo "$package"
