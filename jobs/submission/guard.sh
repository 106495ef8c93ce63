# Sourced by the script of a job before the user's lines of setup: . guard.sh FOLDER RUNS LIMIT
#
# FOLDER is that of the submission's logs: `tasks` in it has a line `run attempt` for each task of the array, and `early/`
# a file for each task that ended before it trained a step: the error without what varies, then the error in words.
#
# When the setup fails, or the training's processes cannot be started, there is no Python that could say so: this writes
# the exit record. When LIMIT tasks have met one error at their start, this one is held: it leaves with a record.

attnctl_folder=$1 attnctl_runs=$2 attnctl_limit=$3
attnctl_task=${SLURM_ARRAY_TASK_ID:-0}
attnctl_phase=setup attnctl_failed= attnctl_attempt=
read -r attnctl_run attnctl_number <<< "$(sed -n "$((attnctl_task + 1))p" "$attnctl_folder/tasks" 2>/dev/null)"
if [ -n "$attnctl_number" ]; then
    attnctl_attempt=$attnctl_runs/$attnctl_run/attempts/$attnctl_number
fi

# attnctl_plain WORDS: cut, on one line; what is not printable ASCII becomes a question mark.
attnctl_plain() {
    printf '%s' "${1:0:500}" | LC_ALL=C tr '\t\n' '  ' | LC_ALL=C tr -c ' -~' '?'
}

# attnctl_text WORDS: the same as the inside of a JSON string.
attnctl_text() {
    attnctl_plain "$1" | LC_ALL=C sed 's/[\\"]/\\&/g'
}

# attnctl_write OUTCOME WORDS: the exit record, unless another job owns the attempt.
attnctl_write() {
    local folder owner job=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}_$attnctl_task
    owner=$(cat "$attnctl_attempt/owner" 2>/dev/null)
    [ -n "$attnctl_attempt" ] && [ "${owner:-$job}" = "$job" ] || return 0
    folder=$attnctl_attempt/${SLURM_RESTART_COUNT:-0}
    mkdir -p "$folder" && printf '{"rank": 0, "at": %s, "outcome": "%s", "message": "%s", "host": "%s"}\n' \
        "$(date +%s.%N)" "$1" "$(attnctl_text "$2")" "$(attnctl_text "${SLURMD_NODENAME:-$(hostname)}")" \
        > "$folder/.exit.0.json.$$" && mv "$folder/.exit.0.json.$$" "$folder/exit.0.json"
}

# attnctl_count ERROR: this task met it at its start.
attnctl_count() {
    mkdir -p "$attnctl_folder/early" && printf '%s\n%s\n' "$(attnctl_plain "$1" | sed 's/[0-9][0-9.]*/#/g')" \
        "$(attnctl_plain "$1")" > "$attnctl_folder/early/.$attnctl_task.$$" &&
        mv "$attnctl_folder/early/.$attnctl_task.$$" "$attnctl_folder/early/$attnctl_task"
}

# attnctl_hold: leave if the limit is reached; a job that SLURM has started again had a start without a fault.
attnctl_hold() {
    local count error words
    [ "$attnctl_limit" -gt 0 ] && [ "${SLURM_RESTART_COUNT:-0}" -eq 0 ] && [ -d "$attnctl_folder/early" ] || return 0
    read -r count error <<< "$(head -qn 1 "$attnctl_folder"/early/* 2>/dev/null | sort | uniq -c | sort -rn | head -n 1)"
    [ "${count:-0}" -ge "$attnctl_limit" ] || return 0
    words=$(tail -qn 1 "$(grep -lxF -- "$error" "$attnctl_folder"/early/* | head -n 1)")
    printf 'held: the same error in %s runs: %s\n' "$count" "$words"
    attnctl_phase=left
    attnctl_write held "the same error in $count runs: $words"
    exit 0
}

# attnctl_ready: the setup is done; what follows is the training.
attnctl_ready() {
    trap - ERR TERM
    attnctl_phase=training
}

# attnctl_ended CODE: at the end of the script, however it came.
attnctl_ended() {
    local words
    case $attnctl_phase in
    setup)
        words="the job's setup ended with code $1: ${attnctl_failed:-before the training began}"
        ;;
    training)
        # A process that has begun tells its own end, and one that was killed is no fault of the start.
        [ "$1" -ne 0 ] && [ "$1" -lt 128 ] && [ ! -e "$attnctl_attempt/${SLURM_RESTART_COUNT:-0}" ] || return 0
        words=$(grep -v '^srun: ' "$attnctl_folder/${SLURM_ARRAY_JOB_ID:-}_${attnctl_task}_0_log.out" 2>/dev/null |
            tail -n 1)
        words="the training's processes did not start: srun ended with code $1${words:+, $words}"
        ;;
    *) return 0 ;;
    esac
    printf '%s\n' "$words"
    attnctl_count "$words"
    attnctl_write setup "$words"
}

attnctl_hold
trap 'attnctl_code=$?; trap - ERR TERM; attnctl_ended "$attnctl_code"' EXIT
trap 'attnctl_phase=left; exit 143' TERM
# Of the script's own lines only: what fails inside a file that they source, or in a function, is that one's own affair.
trap 'attnctl_code=$?; if [ ${#BASH_SOURCE[@]} -eq 1 ]; then attnctl_failed=$BASH_COMMAND; exit $attnctl_code; fi' ERR
