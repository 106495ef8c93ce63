#!/bin/bash
# Another release of SLURM than this machine's: Debian's package of it, in a chroot.
#   [SLURM_CHROOTS=folder] [ROOT=folder] [PYTHON=.venv/bin/python] tests/slurm/release.sh RELEASE up|down|test [ARGUMENT...]|run COMMAND...
# up, down: tests/slurm/up.sh and down.sh inside. test: up, then pytest with these arguments. run: any command inside.
# Needs root; for the first time also debootstrap and a Debian mirror, which is the one that this machine's apt uses.
# The chroot is made once, in SLURM_CHROOTS (~/.cache/attnctl). All mounts are made in a mount namespace of the cluster's own,
# so this machine never sees them, and they end with the last of its processes.
# Exit 77: this machine cannot provide the release. `test` then says "skipped" and why, and succeeds, in CI too: what a CI
# machine allows, and what Debian's suites hold next month, are no faults of this tree.
set -euo pipefail
self=$(realpath "${BASH_SOURCE[0]}")
cd "$(dirname "$self")/../.."

RELEASE=${1:-}; ACTION=${2:-}; shift $(($# < 2 ? $# : 2))
case $RELEASE in  # the release of Debian, and the first port unless BASEPORT is set
  22.05) suite=bookworm port=18800 ;;
  24.11) suite=trixie port=19800 ;;
  26.05) suite=sid port=20800 ;;
  *) echo "slurm: unknown release '$RELEASE'; choose 22.05, 24.11 or 26.05: make slurm-up SLURM=24.11" >&2; exit 2 ;;
esac
export ROOT=${ROOT:-$PWD/.slurm-$RELEASE}
[ -e "$ROOT/etc/slurm.conf" ] || export BASEPORT=${BASEPORT:-$port}
python=${PYTHON:-.venv/bin/python}
chroots=${SLURM_CHROOTS:-${HOME:-/root}/.cache/attnctl}
tree=$chroots/slurm-$RELEASE
# what up.sh needs, and what a Python from outside needs
packages=(munge slurmctld slurmd slurm-client slurmdbd mariadb-server ca-certificates procps libsqlite3-0 libffi8 libexpat1)

say() { printf 'slurm %s: %s\n' "$RELEASE" "$*"; }
missing() { say "$*" >&2; exit 77; }
in_own_mounts() { unshare --mount --propagation private -- "$@"; }

# ---- the chroot

mirror() {  # the address from which this machine's apt gets its own release of Debian
  local names
  # shellcheck disable=SC1091
  names=$(. /etc/os-release; [ "$ID" = debian ] && echo "${VERSION_CODENAME:-sid}|stable|oldstable|testing|unstable") || return 0
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' 2>/dev/null |
    sed -nE "s/^(\S+) ($names)\$/\1/p" | head -n 1
}

build() {  # in mounts of its own: debootstrap mounts too
  local new=$1 from=$2
  debootstrap --variant=minbase "$suite" "$new" "$from"
  # this machine's way to the mirror: proxies, passwords, keys, certificates; its hooks and formats stay here
  (umask 077; apt-config dump | grep '^Acquire::' | grep -vE '^Acquire::(IndexTargets|CompressionTypes)' >"$new/etc/apt/apt.conf.d/98-host") || true
  local item
  for item in /etc/apt/{auth.conf,auth.conf.d,trusted.gpg,trusted.gpg.d,keyrings} /etc/ssl/certs /usr/local/share/ca-certificates; do
    [ ! -e "$item" ] || { mkdir -p "$new${item%/*}"; cp -rL "$item" "$new${item%/*}/" || true; }
  done
  cp -L /etc/resolv.conf /etc/hosts "$new/etc/"
  echo 'Acquire::Check-Valid-Until "false";' >"$new/etc/apt/apt.conf.d/99-attnctl"
  echo force-unsafe-io >"$new/etc/dpkg/dpkg.cfg.d/attnctl"
  printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"; chmod +x "$new/usr/sbin/policy-rc.d"
  mount -t proc proc "$new/proc"
  mount --rbind /dev "$new/dev"
  export DEBIAN_FRONTEND=noninteractive
  chroot "$new" apt-get update -qq
  local offered; offered=$(chroot "$new" apt-cache policy slurmctld | sed -nE 's/^ *Candidate: ([0-9]+\.[0-9]+).*/\1/p')
  [ "$offered" = "$RELEASE" ] || { echo "$offered" >"$new/offered"; return 1; }
  chroot "$new" apt-get install -y -qq --no-install-recommends "${packages[@]}"
  rm -rf "$new"/var/cache/apt/archives/*.deb
}

provide() {  # the chroot, made once; several commands may ask for it at the same time
  [ "$(id -u)" = 0 ] || missing "it needs root"
  in_own_mounts true 2>/dev/null || missing "this machine does not allow mounts"
  [ ! -d "$tree" ] || return 0
  mkdir -p "$chroots"
  local lock new from log
  exec {lock}>"$tree.lock"
  flock "$lock"
  if [ ! -d "$tree" ]; then
    command -v debootstrap >/dev/null || missing "debootstrap is not installed: apt-get install debootstrap"
    from=$(mirror)
    [ -n "$from" ] || missing "apt of this machine has no Debian mirror"
    say "making the chroot $tree with Debian's $suite (a minute or two)"
    new=$tree.new log=$tree.log
    rm -rf --one-file-system "$new"
    # apt's proxy for debootstrap, which uses wget
    local proxy; proxy=$(apt-config shell proxy Acquire::http::Proxy)
    eval "$proxy"; [ -z "${proxy:-}" ] || export http_proxy=${http_proxy:-$proxy}
    if ! in_own_mounts "$self" "$RELEASE" build "$new" "$from" >"$log" 2>&1 {lock}>&-; then
      if [ -s "$new/offered" ]; then
        log="Debian's $suite has SLURM $(cat "$new/offered") now, not $RELEASE; the table in tests/slurm/release.sh must follow"
      else
        tail -n 15 "$log" >&2; log="the chroot could not be made from Debian's $suite; all that was printed is in $log"
      fi
      rm -rf --one-file-system "$new"
      missing "$log"
    fi
    mv "$new" "$tree"
  fi
  exec {lock}>&-
}

# ---- the cluster's mounts

member() {  # the id of a process that runs in the mounts of this cluster
  local file pid
  for file in "$ROOT"/run/*.pid; do
    [ -s "$file" ] && pid=$(<"$file") && [ "$(stat -Lc %d:%i "/proc/$pid/root" 2>/dev/null)" = "$(stat -c %d:%i "$tree")" ] &&
      echo "$pid" && return
  done
  return 1
}

bind() {  # bind PATH of this machine to the same path inside, unless it is there already
  local from to
  from=$(realpath "$1"); to=$tree${2:-$from}
  mountpoint -q "$to" && return
  if [ -d "$from" ]; then mkdir -p "$to"; else mkdir -p "$(dirname "$to")"; touch "$to"; fi
  mount --bind "$from" "$to"
}

interpreter() {  # the files of Python: of a Python in /usr only its own, since the chroot has a /usr of its own
  "$python" - <<'PYTHON'
import os, sys, sysconfig
paths = [sys.prefix, *filter(os.path.exists, sys.path)]
if sys.base_prefix == "/usr":
    paths += [sysconfig.get_path("stdlib"), os.path.realpath(sys.executable)]
else:
    paths.append(sys.base_prefix)
for path in dict.fromkeys(map(os.path.realpath, paths)):
    if path != "/usr":
        print(path)
PYTHON
}

inside() {  # with mounts of our own: complete them, then run the command in the chroot
  local path
  mountpoint -q "$tree" || mount --bind "$tree" "$tree"  # unshare(1) works only below a mount
  mountpoint -q "$tree/proc" || mount -t proc proc "$tree/proc"
  for path in /sys /dev; do mountpoint -q "$tree$path" || mount --rbind $path "$tree$path"; done
  bind /tmp; bind "${TMPDIR:-/tmp}"; bind "$PWD"
  mkdir -p "$ROOT"; bind "$ROOT"
  while read -r path; do bind "$path"; done < <(interpreter)
  for path in hosts resolv.conf; do
    [ -e "$ROOT/$path" ] || cp -L "/etc/$path" "$ROOT/$path"
    bind "$ROOT/$path" "/etc/$path"
  done
  exec chroot "$tree" env -C "$PWD" PATH="$PATH:/usr/sbin:/sbin" SLURM_CONF="$ROOT/etc/slurm.conf" "$@"
}

enter() {  # run a command inside: in the mounts of the living cluster, else in new ones
  local pid
  if pid=$(member); then nsenter --mount="/proc/$pid/ns/mnt" -- "$self" "$RELEASE" inside "$PWD" "$@"
  else in_own_mounts "$self" "$RELEASE" inside "$PWD" "$@"; fi
}

test_release() {
  local status=0
  ("$self" "$RELEASE" up) || status=$?
  if ((status == 77)); then say "the tests are skipped"; return 0; fi
  ((status == 0)) || return $status
  enter env OMP_NUM_THREADS=1 "$python" -m pytest "$@"
}

main() {
  case $ACTION in
    up) provide; enter env USE="commands run as: tests/slurm/release.sh $RELEASE run squeue" tests/slurm/up.sh ;;
    down)
      if [ -d "$tree" ] && [ -d "$ROOT/run" ]; then KEEP=1 enter tests/slurm/down.sh; else say "there is no cluster in $ROOT"; fi
      [ -n "${KEEP:-}" ] || rm -rf --one-file-system "$ROOT"
      ;;
    test) test_release "$@" ;;
    run) provide; enter "$@" ;;
    build) build "$@" ;;
    inside) cd "$1"; shift; inside "$@" ;;
    *) sed -n 's/^#   /usage: /p' "$self" >&2; exit 2 ;;
  esac
}
main "$@"; exit  # on one line: bash reads a script while it runs, and this file may change meanwhile
