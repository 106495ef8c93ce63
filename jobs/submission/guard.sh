# Sourced by a job's script before the user's setup: . guard.sh FOLDER RUNS LIMIT PYTHON [STARTER]
#
# FOLDER contains the logs of the submission. Its file `tasks` has a line `run attempt` for each task of the array, or
# several such pairs if runs share the job. Its folder `early` has a file for each task that failed before its first
# training step: line 1 is the error with its numbers replaced, by which tasks are compared; line 2 is the error itself.
#
# If the setup fails, or srun cannot start the training processes, then no Python process can write the exit record, so
# this script does. If LIMIT tasks have failed at their start with the same error, this task is held: it writes an exit
# record and exits. PYTHON is the interpreter of the training processes, or empty if the node need not have it. STARTER
# is what starts them: srun (the default), or the supervisor of a job that runs share.

attnctl_folder=$1 attnctl_runs=$2 attnctl_limit=$3 attnctl_python=$4 attnctl_starter=${5:-srun}
attnctl_task=${SLURM_ARRAY_TASK_ID:-0}
attnctl_phase=setup attnctl_failed=
attnctl_log=$attnctl_folder/${SLURM_ARRAY_JOB_ID:-}_${attnctl_task}_0_log.out
attnctl_attempts=()
read -ra attnctl_words <<< "$(sed -n "$((attnctl_task + 1))p" "$attnctl_folder/tasks" 2>/dev/null)"
for ((attnctl_k = 0; attnctl_k + 1 < ${#attnctl_words[@]}; attnctl_k += 2)); do
    attnctl_attempts+=("$attnctl_runs/${attnctl_words[attnctl_k]}/attempts/${attnctl_words[attnctl_k + 1]}")
done

# attnctl_plain TEXT: print it shortened and on one line, with a question mark for everything but printable ASCII.
attnctl_plain() {
    printf '%s' "${1:0:500}" | LC_ALL=C tr '\t\n' '  ' | LC_ALL=C tr -c ' -~' '?'
}

# attnctl_text TEXT: the same, escaped for a JSON string.
attnctl_text() {
    attnctl_plain "$1" | LC_ALL=C sed 's/[\\"]/\\&/g'
}

# attnctl_node: print the name of this node.
attnctl_node() {
    printf '%s' "${SLURMD_NODENAME:-$(hostname)}"
}

# attnctl_write OUTCOME MESSAGE: write the exit record of each run that has not started and that no other job owns.
# When a job that runs share starts again, some of them have ended already: then the scheduler's word has to do.
attnctl_write() {
    local attempt
    [ "$attnctl_starter" = srun ] || [ "${SLURM_RESTART_COUNT:-0}" -eq 0 ] || return 0
    for attempt in "${attnctl_attempts[@]:-}"; do
        [ -z "$attempt" ] || [ -e "$attempt/${SLURM_RESTART_COUNT:-0}" ] || attnctl_write_one "$attempt" "$1" "$2"
    done
}

# attnctl_write_one ATTEMPT OUTCOME MESSAGE: the same for one of them.
attnctl_write_one() {
    local folder owner job=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}_$attnctl_task
    owner=$(cat "$1/owner" 2>/dev/null)
    [ "${owner:-$job}" = "$job" ] || return 0
    folder=$1/${SLURM_RESTART_COUNT:-0}
    mkdir -p "$folder" && printf '{"rank": 0, "at": %s, "outcome": "%s", "message": "%s", "host": "%s"}\n' \
        "$(date +%s.%N)" "$2" "$(attnctl_text "$3")" "$(attnctl_text "$(attnctl_node)")" \
        > "$folder/.exit.0.json.$$" && mv "$folder/.exit.0.json.$$" "$folder/exit.0.json"
}

# attnctl_line NUMBER: print that line of the job's script, with the lines that continue it after a backslash.
attnctl_line() {
    sed -n "$1{:more;/\\\\\$/{s/\\\\\$//;N;s/\n *//;b more};p;q}" "$0" 2>/dev/null
}

# attnctl_failing CODE NUMBER DEPTH COMMAND: leave the script because that line of it failed. COMMAND can be the last one
# inside a function, such as the `eval` of `module`, so the line itself tells more.
attnctl_failing() {
    [ "$3" -eq 1 ] || return 0
    trap - ERR
    attnctl_failed=$(attnctl_line "$2")
    attnctl_failed=${attnctl_failed:-$4}
    exit "$1"
}

# attnctl_output: print the last line of the job's log that is not of srun, without the place that bash puts first.
attnctl_output() {
    grep -v -e '^srun: ' -e '^[[:space:]]*$' "$attnctl_log" 2>/dev/null | tail -n 1 | sed "s|^$0: line [0-9]*: ||"
}

# attnctl_count ERROR MESSAGE: record that this task failed with it at its start.
attnctl_count() {
    local name=$attnctl_task
    [ "$attnctl_starter" = srun ] || name=job-$attnctl_task
    mkdir -p "$attnctl_folder/early" && printf '%s\n%s\n' "$(attnctl_plain "$1" | sed 's/[0-9][0-9.]*/#/g')" \
        "$(attnctl_plain "$2")" > "$attnctl_folder/early/.$name.$$" &&
        mv "$attnctl_folder/early/.$name.$$" "$attnctl_folder/early/$name"
}

# attnctl_hold: exit if the limit is reached, unless SLURM has restarted this job: then an earlier start succeeded.
attnctl_hold() {
    local count error message
    [ "$attnctl_limit" -gt 0 ] && [ "${SLURM_RESTART_COUNT:-0}" -eq 0 ] && [ -d "$attnctl_folder/early" ] || return 0
    read -r count error <<< "$(head -qn 1 "$attnctl_folder"/early/* 2>/dev/null | sort | uniq -c | sort -rn | head -n 1)"
    [ "${count:-0}" -ge "$attnctl_limit" ] || return 0
    message=$(tail -qn 1 "$(grep -lxF -- "$error" "$attnctl_folder"/early/* | head -n 1)")
    printf 'held: the same error in %s runs: %s\n' "$count" "$message"
    attnctl_phase=left
    attnctl_write held "the same error in $count runs: $message"
    exit 0
}

# attnctl_ready: the setup has succeeded; the training follows.
attnctl_ready() {
    trap - ERR TERM
    attnctl_phase=training
}

# attnctl_unstarted: whether a run of this job has not started.
attnctl_unstarted() {
    local attempt
    for attempt in "${attnctl_attempts[@]:-}"; do
        [ -e "$attempt/${SLURM_RESTART_COUNT:-0}" ] || return 0
    done
    return 1
}

# attnctl_ended CODE: called when the script exits, for whatever reason.
attnctl_ended() {
    local message output outcome=setup error=
    case $attnctl_phase in
    setup)
        error="the job's setup failed with exit code $1: ${attnctl_failed:-before the training began}"
        output=$(attnctl_output)
        message="$error${output:+; last output: $output}"
        ;;
    training)
        # Worker processes that started write their own exit records; one that was killed (code >= 128) had started.
        [ "$1" -ne 0 ] && [ "$1" -lt 128 ] && attnctl_unstarted || return 0
        message=$(attnctl_output)
        if [ -n "$attnctl_python" ] && [ ! -x "$attnctl_python" ]; then
            outcome='environment missing' message="there is no Python at $attnctl_python on $(attnctl_node)"
        else
            case $message in
            # From Python, when a package is not installed, and from ld.so(8).
            *'No module named '* | *'cannot open shared object file'*) outcome='environment missing' ;;
            esac
            message="the training processes did not start: $attnctl_starter failed with exit code $1${message:+, $message}"
        fi
        ;;
    *) return 0 ;;
    esac
    printf '%s\n' "$message"
    attnctl_count "${error:-$message}" "$message"
    attnctl_write "$outcome" "$message"
}

# The length of the log before this start of the job: the script says --open-mode=append.
ATTNCTL_LOG_START=$(wc -c 2>/dev/null < "$attnctl_log")
export ATTNCTL_LOG_START
attnctl_hold
trap 'attnctl_code=$?; trap - ERR TERM; attnctl_ended "$attnctl_code"' EXIT
trap 'attnctl_phase=left; exit 143' TERM
# Only for the script's own lines: files that they source, and functions, may handle the failures inside them.
trap 'attnctl_failing $? $LINENO ${#BASH_SOURCE[@]} "$BASH_COMMAND"' ERR
