# SPDX-License-Identifier: Apache-2.0
# What the tests against the cluster share. To be loaded by each of them.
load ../lib
bats_require_minimum_version 1.5.0

VGPU_LIBDIR=$VGPU_PREFIX/lib/slurm-vgpu

# on HOST COMMAND..., as_user NAME HOST COMMAND...: in the cluster, in the tests' own folder.
on() { (cd "$WORK" && "$TOP_SRCDIR/contrib/cluster" exec --dir "$CLUSTER" "$@"); }
as_user() { (cd "$WORK" && "$TOP_SRCDIR/contrib/cluster" exec --dir "$CLUSTER" --user "$@"); }
ctl() { on ctl "$@"; }
# stop_daemon HOST NAME [SIGNAL]: until it is gone.
stop_daemon() { on "$1" pkill "-${3:-TERM}" -x "$2" && eventually 10 is_stopped "$1" "$2"; }
is_stopped() { ! on "$1" pgrep -x "$2"; }
start() { "$TOP_SRCDIR/contrib/cluster" start --dir "$CLUSTER" "$@"; }

# The rows of the state table, by jq.
state() { ctl vgpu-smi --json | jq -r "$@"; }

# submit SBATCH-ARGUMENTS...: prints the job's id.
submit() {
    local answer
    answer=$(ctl sbatch --parsable --output="$WORK/%j.out" "$@" 2>"$WORK/submit.err") || return
    echo "${answer%%;*}"
}
# Retried, since a slurmctld that is slow to answer is no state of a job.
job_state() { eventually 5 ask_state "$1" && cat "$WORK/state"; }
ask_state() { ctl squeue -h -j "$1" -t all -o %T >"$WORK/state" && [ -s "$WORK/state" ]; }
is_running() { [ "$(job_state "$1")" = RUNNING ]; }
has_ended() { [[ $(job_state "$1") =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL)$ ]]; }
wait_job() { eventually "${2:-60}" has_ended "$1"; }
says() { grep -q -- "$2" "$1"; }

# What every test leaves behind: nothing.
jobs_ended() { local list && list=$(ctl squeue -h) && [ -z "$list" ]; }
no_leases() { [ "$(state '.slices | length')" = 0 ]; }
no_sessions() { [ "$(state '.sessions | length')" = 0 ]; }
no_workers() { ! on gpu1 pgrep -x vgpustepd; }
no_lease_files() {
    local host
    for host in gpu1 cpu1 cpu2; do
        # The folder itself stays once there was a step.
        [ -z "$(on "$host" sh -c 'ls -A /run/vgpu/steps 2>/dev/null')" ] || return 1
    done
}
no_drained_nodes() { [ "$(ctl sinfo -h -N -o %t | sort -u)" = idle ]; }
no_licences() { ctl scontrol -o show licenses | grep -q 'Used=0'; }

# One chain: in a teardown bats looks at the last command only.
assert_clean() {
    eventually 20 jobs_ended &&
        eventually 20 no_leases &&
        eventually 10 no_sessions &&
        eventually 10 no_workers &&
        eventually 10 no_lease_files &&
        eventually 10 no_licences &&
        eventually 15 no_drained_nodes
}

# start_call [SBATCH-ARGUMENTS...]: a job ($job) whose program waits in a call, until its worker is at it.
start_call() {
    need_program call-codes-shared
    job=$(submit --gres=vgpu:1 "$@" --wrap "$PROGRAMS/call-codes-shared wait")
    eventually 20 says "$WORK/$job.out" 'launch cudaSuccess'
    eventually 10 in_use
}
in_use() { [ "$(state '.sessions | length')" -ge 1 ]; }
