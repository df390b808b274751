#!/usr/bin/env bash
# Installs a Debian package of rekey in a clean system, in a folder, and runs a rehearsal and the manual there. Run as root.
#
#   sudo pipelines/package-test.sh .build/package/rekey_0.1.0_amd64.deb
#
# The clean system comes from debootstrap, of the release that runs here, and takes one to two minutes and 300 MB.
# REKEY_CLEAN_ROOT=DIR keeps it there for the next time.
set -euo pipefail
[ $# -eq 1 ] && [ -f "$1" ] || { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2; exit 64; }
[ "$(id -u)" = 0 ] || { echo "Run as root: a clean system is made and entered with chroot." >&2; exit 77; }
package=$(realpath "$1")
cd "$(dirname "$0")/.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh
install_missing debootstrap

# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clean=${REKEY_CLEAN_ROOT:-$work/clean}
if [ ! -x "$clean/usr/bin/apt-get" ]; then
  echo "== A clean $codename in $clean"
  mirror=$(apt-cache policy base-files | sed -nE 's|^ +[0-9]+ (https?://[^ ]+) .*|\1|p' | head -n 1)
  debootstrap --variant=minbase "$codename" "$clean" ${mirror:+"$mirror"} >/dev/null
fi
cp -a "$clean" "$work/system"
cp "$package" "$work/system/tmp/rekey.deb"
cp -r data pipelines/plan-structure.yaml "$work/system/tmp/"
# Each command sees its own /proc, without which no Swift program finds its arguments.
inside() {
  unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$work/system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

echo "== Install"
if command -v swift >/dev/null && inside sh -c 'command -v swift'; then echo "The clean system has Swift; it is not clean." >&2; exit 1; fi
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends /tmp/rekey.deb >/dev/null
inside dpkg-query -W -f '${Package} ${Version}: needs ${Depends}\n' rekey

echo "== Run"
inside rekey --version
inside rekey rules check /tmp/plan-structure.yaml --quiet
before=$(inside rekey digest /tmp/data/algoitny_main --quiet)
echo "$before"
inside sh -c 'cd /tmp && rekey rehearse --from data/algoitny_main --rules plan-structure.yaml' | tail -n 1
[ "$before" = "700 79fb0413d11e34a5ef3a24a7d8f5e6ca1049614adbe12002b3d0e7505019a599" ] || { echo "The digest of the sample is another one." >&2; exit 76; }
for file in man/man1/rekey.1.gz man/man1/rekey-migrate.1.gz bash-completion/completions/rekey zsh/site-functions/_rekey fish/vendor_completions.d/rekey.fish doc/rekey/copyright; do
  inside test -s "/usr/share/$file" || { echo "/usr/share/$file is missing" >&2; exit 1; }
done

echo "== Remove"
inside dpkg --purge rekey >/dev/null
if inside sh -c 'ls /usr/bin/rekey /usr/share/doc/rekey' 2>/dev/null; then echo "Something is left behind." >&2; exit 1; fi
echo "The package installs, runs and goes."
