"""The settings file that `attnctl init` writes: every setting there is, commented out."""

from __future__ import annotations

TEMPLATE = """\
# attnctl's settings for this workspace: the folder of this file. Every line is optional; a commented one shows what it
# is without it, or an example.

[slurm]
# partition = "gpu"
# account = "my-project"
# qos = "normal"
# constraint = "a100"
# exclude = "node[07-08]"
# gpus_per_node = 1          # processes per node, one a GPU; 0 trains on CPUs
# cpus_per_gpu = 8
# mem = "64G"                # per node
# time = "1-00:00:00"        # SLURM's forms: minutes, H:M:S, D-H:M:S
# parallel = 16              # runs of one sweep at the same time
# setup = ["module load cuda/12.4", "source ~/env.sh"]     # lines of the job's script before the training starts; one
#                            # that fails ends the job, unless it ends with || true

[slurm.extra]
# Any other option of sbatch, without its dashes.
# mail-type = "FAIL"
# reservation = "deadline"

# A profile changes some of the above: attnctl sweep ela --profile big
# [slurm.profiles.big]
# gpus_per_node = 8
# time = "3-0"

[paths]
# Relative to this folder. Checkpoints are large: a scratch file system suits them.
# runs = "runs"
# checkpoints = "/scratch/me/attnctl"
# group = false              # true for a lab: the folder's group may read and write all that attnctl makes; else the
#                            # code that runs are made of, and the scripts, are yours alone

[data]
# root = "data"              # holds cifar-10-batches-py/, cifar-100-python/, imagenet/
# imagenet = "/datasets/imagenet"
# stage = false              # copy a data set once to each node's own disk

[defaults]
# What a sweep takes when its command does not say: an axis or any field of the recipe.
# dataset = "digits"
# backbone = "resnet20"
# placement = "block"
# seed = "0,1,2"
# epochs = 8

[resume]
# What attnctl resume does with runs that ended before their time; --force overrules it.
# attempts = 20              # of one run
# sweep_attempts = 1000      # of all runs of a sweep together, beyond the first of each
# memory_factor = 1.5        # a run that was out of memory gets so much more
# memory_cap = "256G"        # and at most this much
# same_error = 3             # runs with one error after which the others are held; 0 holds none

[resume.actions]
# For each class of ending: always, if_progressed (the checkpoint advanced), once (more), more_memory, more_processes,
# other_gpu (or another partition), if_named (in the command), if_forced (with --force), never. These are the defaults.
# timeout = "if_progressed"
# preempted = "always"
# node-failure = "always"
# disk-full = "always"
# out-of-memory = "more_memory"
# CUDA-out-of-memory = "more_processes"
# killed = "once"
# stalled = "once"
# code-error = "if_forced"
# cancelled = "if_named"
# diverged = "never"

[checkpoints]
# What attnctl gc leaves.
# finished = 1               # of a run that has completed: 1, its last state, or 0
# unfinished = 2             # of one that has not

[notify]
# When the last run of a sweep has ended. The command is split into words as a shell does it, but runs without one;
# {sweep} and {summary} are replaced, and the same stands in its input as JSON. A webhook gets that JSON by POST.
# command = "mail -s '{sweep}: {summary}' me@example.org"
# webhook = "https://hooks.example.org/attnctl"
"""
"""The commented attnctl.toml that `attnctl init` writes."""
