#!/bin/bash
# Bring up a real SLURM on this one machine: virtual nodes with virtual GPUs, accounting, preemption and requeue.
# Idempotent. Root is needed only to install the packages and to make the GPUs' device nodes.
#   [ROOT=folder] [NODES=4] [CPUS=8] [MEM=16000] [GPUS=4] [ACCT=1] [BASEPORT=17800] tests/slurm/up.sh
#   then: source .slurm/env.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ROOT=${ROOT:-$PWD/.slurm}
NODES=${NODES:-4}        # node1 .. nodeN
CPUS=${CPUS:-8}          # CPUs that each node claims, whatever this machine has
MEM=${MEM:-16000}        # MB that each node claims
GPUS=${GPUS:-4}          # virtual GPUs of each node
ACCT=${ACCT:-1}          # 0: no accounting, so that sacct fails
port=$(sed -n 's/^SlurmctldPort=//p' "$ROOT/etc/slurm.conf" 2>/dev/null || true)
BASEPORT=${BASEPORT:-$((${port:-17817} - 17))}  # a cluster that is there keeps its ports
ME=$(id -un)

die() { echo "slurm-up: $*" >&2; exit 1; }
say() { printf 'slurm-up: %s\n' "$*"; }
alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
await() {  # await SECONDS COMMAND...
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || die "'$*' does not succeed; the daemons' logs are in $ROOT/log"
    sleep 0.05
  done
}
[[ $ROOT != *[[:space:]]* ]] || die "slurm.conf cannot hold a path with spaces ($ROOT); choose another: make slurm-up ROOT=/tmp/slurm"
((${#ROOT} <= 80)) || die "the path of a socket may have 107 bytes and $ROOT is too long; choose another: make slurm-up ROOT=/tmp/slurm"

# ---- packages
packages=(munge slurmctld slurmd slurm-client)
((ACCT)) && packages+=(slurmdbd mariadb-server)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  [ "$(id -u)" = 0 ] || die "missing: ${missing[*]}; install them as root: apt-get install ${missing[*]}"
  command -v apt-get >/dev/null || die "missing: ${missing[*]}, and there is no apt-get; a Debian or Ubuntu is needed"
  # exit 101 keeps the packages' own scripts from starting daemons
  policy=/usr/sbin/policy-rc.d
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy; made_policy=1; }
  say "installing ${missing[*]}"
  log=$(mktemp)
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "the installation failed"; }
  rm -f "$log"; [ -z "${made_policy:-}" ] || rm -f $policy
fi

# ---- folders, node names, devices
mkdir -p "$ROOT"/{etc,run,log,state,db,munge,dev}
chmod 755 "$ROOT" "$ROOT"/{etc,run,log,state,dev}; chmod 700 "$ROOT/munge"
devices=$ROOT/dev/gpu
for ((g = 0; g < GPUS; g++)); do  # only nodes that look like devices make SLURM set CUDA_VISIBLE_DEVICES
  [ -c "$ROOT/dev/gpu$g" ] || mknod "$ROOT/dev/gpu$g" c 1 3 2>/dev/null || devices=/dev/tty
done
for ((i = 1; i <= NODES; i++)); do
  mkdir -p "$ROOT/spool/node$i"
  grep -qE "[[:space:]]node$i([[:space:]]|\$)" /etc/hosts || echo "127.0.0.1 node$i" 2>/dev/null >>/etc/hosts ||
    say "warning: node$i does not resolve; a job of several nodes will not find its peers"
done

# ---- configuration
if ((GPUS)); then
  gres="Gres=gpu:$GPUS"; gres_types="GresTypes=gpu"
  echo "NodeName=node[1-$NODES] Name=gpu File=${devices}[0-$((GPUS - 1))]" >"$ROOT/etc/gres.conf"
else
  gres=; gres_types=; : >"$ROOT/etc/gres.conf"
fi
if ((ACCT)); then
  accounting="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$((BASEPORT + 19))
# not taken from AuthInfo:
AccountingStoragePass=$ROOT/run/munge.socket
AccountingStorageTRES=gres/gpu"
else
  accounting="AccountingStorageType=accounting_storage/none"
fi
# from 23.11 on slurmd does not start without a word about cgroups; 22.05 does not know the word
rm -f "$ROOT/etc/cgroup.conf"
(($(slurmd -V | grep -oE '[0-9]+' | head -n 1) >= 23)) && echo CgroupPlugin=disabled >"$ROOT/etc/cgroup.conf"

cat >"$ROOT/etc/slurm.conf" <<CONF
ClusterName=attnctl
SlurmctldHost=localhost
SlurmctldPort=$((BASEPORT + 17))
SlurmUser=$ME
SlurmdUser=$ME
AuthType=auth/munge
# a requeued job waits until its credential has expired; less than the time that killing takes drains nodes
AuthInfo=socket=$ROOT/run/munge.socket,cred_expire=10
StateSaveLocation=$ROOT/state
SlurmdSpoolDir=$ROOT/spool/%n
SlurmctldPidFile=$ROOT/run/slurmctld.pid
SlurmdPidFile=$ROOT/run/slurmd-%n.pid
SlurmctldLogFile=$ROOT/log/slurmctld.log
SlurmdLogFile=$ROOT/log/slurmd-%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
$accounting
# schedule and notice faults at once
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,bf_max_job_test=1000,default_queue_depth=1000,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
$gres_types
MaxArraySize=10001
MaxJobCount=30000
SlurmdTimeout=5
SlurmctldTimeout=10
MessageTimeout=5
KillWait=2
MinJobAge=300
ReturnToService=2
InactiveLimit=0
JobRequeue=1
# on a machine that is busy an end takes its time, after which the node would be drained
UnkillableStepTimeout=600
# nodes claim more than this machine has
SlurmdParameters=config_overrides
DefMemPerCPU=1500
NodeName=node[1-$NODES] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=$((BASEPORT + 21))-$((BASEPORT + 20 + NODES)) CPUs=$CPUS RealMemory=$MEM $gres State=UNKNOWN
# a job in high requeues jobs of low, which get their --signal first and then GraceTime
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
PartitionName=main  Nodes=ALL Default=YES PriorityTier=5 PreemptMode=OFF MaxTime=INFINITE DefaultTime=10
# runs on nodes of their own, where there are some: a fault of one node meets few
PartitionName=low   Nodes=ALL LLN=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=15 MaxTime=INFINITE DefaultTime=10
PartitionName=high  Nodes=ALL PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE DefaultTime=10
PartitionName=short Nodes=ALL PriorityTier=5 PreemptMode=OFF MaxTime=1
CONF

(umask 077; cat >"$ROOT/etc/slurmdbd.conf" <<CONF
DbdHost=localhost
DbdPort=$((BASEPORT + 19))
SlurmUser=$ME
AuthType=auth/munge
AuthInfo=socket=$ROOT/run/munge.socket
LogFile=$ROOT/log/slurmdbd.log
PidFile=$ROOT/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((BASEPORT + 6))
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct
CONF
)
export SLURM_CONF=$ROOT/etc/slurm.conf
echo "export SLURM_CONF=$SLURM_CONF" >"$ROOT/env.sh"

# ---- munge, with its own key and socket
if ! alive "$ROOT/run/munged.pid"; then
  [ -s "$ROOT/munge/munge.key" ] || (umask 277; head -c 1024 /dev/urandom >"$ROOT/munge/munge.key")
  rm -f "$ROOT"/run/munge.socket*
  munged --key-file="$ROOT/munge/munge.key" --socket="$ROOT/run/munge.socket" --pid-file="$ROOT/run/munged.pid" \
    --log-file="$ROOT/log/munged.log" --seed-file="$ROOT/munge/munged.seed" --num-threads=4
fi
await 10 munge -n -S "$ROOT/run/munge.socket"

# ---- accounting: a private MariaDB on loopback, then slurmdbd
if ((ACCT)); then
  if ! alive "$ROOT/run/mariadbd.pid"; then
    [ -d "$ROOT/db/mysql" ] || mariadb-install-db --no-defaults --datadir="$ROOT/db" --user="$ME" \
      --auth-root-authentication-method=normal --skip-test-db >"$ROOT/log/mariadb-install.log" 2>&1
    setsid nohup mariadbd --no-defaults --datadir="$ROOT/db" --socket="$ROOT/run/mysqld.sock" \
      --pid-file="$ROOT/run/mariadbd.pid" --bind-address=127.0.0.1 --port=$((BASEPORT + 6)) --user="$ME" \
      --innodb-buffer-pool-size=256M --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0 \
      --skip-name-resolve --skip-log-bin --log-error="$ROOT/log/mariadb.log" </dev/null >/dev/null 2>&1 &
    await 180 mariadb-admin --no-defaults -S "$ROOT/run/mysqld.sock" -u root ping
    mariadb --no-defaults -S "$ROOT/run/mysqld.sock" -u root -e "create database if not exists slurm_acct;
      create user if not exists slurm@'127.0.0.1' identified by 'slurm'; grant all on slurm_acct.* to slurm@'127.0.0.1';"
  fi
  alive "$ROOT/run/slurmdbd.pid" || slurmdbd
  await 30 sacctmgr -n show cluster
  sacctmgr -n -P show cluster format=cluster | grep -qx attnctl || sacctmgr -i -Q add cluster attnctl >/dev/null
fi

# ---- the controller and the nodes
alive "$ROOT/run/slurmctld.pid" || slurmctld
await 30 scontrol ping
for ((i = 1; i <= NODES; i++)); do alive "$ROOT/run/slurmd-node$i.pid" || slurmd -N "node$i"; done
all_up() { [ "$(sinfo -h -N -p main -t idle,alloc,mix -o %N | sort -u | wc -l)" = "$NODES" ]; }
await 30 all_up
say "$NODES nodes are up after $SECONDS s; ${USE:-source $ROOT/env.sh}"
