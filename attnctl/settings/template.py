"""The attnctl.toml that `attnctl init` writes: all settings, commented out."""

from __future__ import annotations

TEMPLATE = """\
# Settings of attnctl for this workspace, the folder of this file. Every line is optional; the commented values are the
# defaults, or examples. What runs or sends something (setup, notify, containers) acts after `attnctl trust`.

[slurm]
# clusters = "second"        # another cluster of the same site (sbatch -M)
# partition = "gpu"
# account = "my-project"
# qos = "normal"
# constraint = "a100"
# exclude = "node[07-08]"
# nodes = 1
# gpus_per_node = 1          # one process per GPU; 0 trains on CPUs; "a100:2" is two GPUs of a type
# cpus_per_gpu = 8           # default: DefCpuPerGPU of the cluster, else the GPU's share of its node's cores
# mem = "64G"                # per node; or mem-per-cpu in [slurm.extra]
# time = "1-00:00:00"        # as in SLURM: minutes, HH:MM:SS or D-HH:MM:SS; "auto" estimates it
# parallel = 16              # concurrent runs of one sweep
# runs_per_gpu = 4           # runs that train at the same time in one job and share its GPUs; on CPUs, its cores;
#                            # "auto" measures how many are worth it
# setup = ["module load cuda/12.4", "source ~/env.sh"]     # shell lines run before the training; a
#                            # failing one ends the job, unless it ends with || true
# command_prefix = "apptainer exec --nv --bind /data torch.sif"    # words before the command of each process
# python = "/usr/bin/python3"                                      # default: the Python that submits

[slurm.extra]
# Any other option of sbatch, without its dashes; true gives one without a value. GPUs can be requested here instead, by
# gres, gpus or gpus-per-task. false removes attnctl's own gpus-per-node, cpus-per-task or mem.
# mail-type = "FAIL"
# reservation = "deadline"
# gres = "gpu:a100:1"

[slurm.srun]
# Options of srun, which starts the processes of a run.
# cpu-bind = "none"
# container-image = "nvcr.io#nvidia/pytorch:25.01-py3"             # with pyxis
# container-mounts = "/home/me/workspace,/data"

# A profile overrides some of the above: attnctl sweep ela --profile big
# [slurm.profiles.big]
# gpus_per_node = 8
# time = "3-0"

# A rule overrides them for some runs: backbone, dataset, model and module say which, and all that it names must match.
# Later rules override earlier ones, and the command line overrides all.
# [[slurm.rules]]
# backbone = "resnet101,wide*"
# dataset = "imagenet"
# gpus_per_node = 4
# time = "2-0"

[paths]
# Paths are relative to this folder. Checkpoints are large and may go to a scratch file system.
# runs = "runs"
# checkpoints = "/scratch/me/attnctl"
# group = false              # true for a shared workspace: the folder's group may read and write all files; with
#                            # false, only you can read code snapshots and scripts

[data]
# root = "data"              # holds cifar-10-batches-py/, cifar-100-python/, imagenet/
# imagenet = "/datasets/imagenet"
# stage = false              # copy data sets once to each node's local disk
# stage_root = "/local/me"   # to this folder, where jobs share them; default: SLURM_TMPDIR, TMPDIR or /tmp

[defaults]
# Defaults of `attnctl sweep`: any axis or recipe field.
# dataset = "digits"
# backbone = "resnet20"
# placement = "block"
# seed = "0,1,2"
# epochs = 8

[resume]
# What attnctl resume does with unfinished runs; --force overrules these limits.
# attempts = 20              # per run
# sweep_attempts = 1000      # per sweep, beyond the first attempt of each run
# memory_factor = 1.5        # after an out-of-memory error: multiply the memory by this,
# memory_cap = "256G"        # up to this limit
# same_error = 3             # hold runs once this many failed with the same error; 0: never

[resume.actions]
# For each end state, resume: always; if_progressed (a newer checkpoint exists); once; with more_memory or
# more_processes; on other_gpu (if you name one); if_available (what was missing is there again); if_named (in the
# command); if_forced (with --force); or never.
# These are the defaults:
# timeout = "if_progressed"
# preempted = "always"
# node-failure = "always"
# launch-failed = "always"
# disk-full = "always"
# environment-missing = "if_available"
# data-missing = "if_available"
# data-error = "if_forced"
# base-unfinished = "if_available"
# out-of-memory = "more_memory"
# CUDA-out-of-memory = "more_processes"
# killed = "once"
# stalled = "once"
# code-error = "if_forced"
# cancelled = "if_named"
# diverged = "never"

[checkpoints]
# How many checkpoints attnctl gc keeps.
# finished = 1               # per completed run: 1 (the last one) or 0
# unfinished = 2             # per unfinished run

[notify]
# Notify when the last run of a sweep has ended. The command is split as a shell would, but runs without a shell;
# {sweep} and {summary} are replaced, and it gets both on stdin as JSON. A webhook gets the same JSON by POST.
# command = "mail -s '{sweep}: {summary}' me@example.org"
# webhook = "https://hooks.example.org/attnctl"

[names]
# What reports call modules, rows, hyperparameters, networks and data sets.
# se = "SE-Net"
# "ela kernel=7" = "ELA-L"
# none = "Baseline"
# kernel = "k"
# resnet50 = "ResNet-50"

[groups]
# Groups of modules for the command line: attnctl sweep ./mine.py:Mine,group:rivals
# rivals = "none,se,eca,ela,ema"
"""
"""The text of the attnctl.toml that `attnctl init` writes."""
