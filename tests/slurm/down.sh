#!/bin/bash
# Take down the SLURM of up.sh: cancel its jobs, end the daemons in its own pid files, and delete its state.
#   [ROOT=folder] [KEEP=1: keep the state and the logs] tests/slurm/down.sh
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
ROOT=${ROOT:-$PWD/.slurm}
[ -d "$ROOT/run" ] || { echo "slurm-down: there is no cluster in $ROOT"; exit 0; }
export SLURM_CONF=$ROOT/etc/slurm.conf

pid() { cat "$1" 2>/dev/null; }
stop() {  # signal all, wait for all, then end what is left
  local file live
  for file in "$@"; do [ -s "$file" ] && kill "$(pid "$file")" 2>/dev/null; done
  for ((tick = 0; tick < 200; tick++)); do
    live=
    for file in "$@"; do [ -s "$file" ] && kill -0 "$(pid "$file")" 2>/dev/null && live=1; done
    [ -z "$live" ] && break
    sleep 0.05
  done
  for file in "$@"; do [ -s "$file" ] && kill -9 "$(pid "$file")" 2>/dev/null; done
  rm -f "$@"
}

if kill -0 "$(pid "$ROOT/run/slurmctld.pid")" 2>/dev/null; then  # no job may outlive its cluster
  timeout 10 scancel --user="$(id -un)" --quiet 2>/dev/null
  for ((tick = 0; tick < 150; tick++)); do [ -z "$(timeout 5 squeue -h 2>/dev/null)" ] && break; sleep 0.1; done
fi
stop "$ROOT"/run/slurmd-*.pid "$ROOT/run/slurmctld.pid"
stop "$ROOT/run/slurmdbd.pid"
stop "$ROOT/run/mariadbd.pid" "$ROOT/run/munged.pid"
[ -n "$KEEP" ] || rm -rf "$ROOT"
echo "slurm-down: the cluster in $ROOT is down"
