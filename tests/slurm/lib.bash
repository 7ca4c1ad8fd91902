# SPDX-License-Identifier: Apache-2.0
# What the tests against the cluster share. To be loaded by each of them.
load ../lib
bats_require_minimum_version 1.5.0

PROGRAMS=$TOP_BUILDDIR/tests/cuda
VGPU_LIBDIR=$VGPU_PREFIX/lib/slurm-vgpu

# on HOST COMMAND..., as_user NAME HOST COMMAND...: in the cluster, in the tests' own folder.
on() { (cd "$WORK" && "$TOP_SRCDIR/contrib/cluster" exec --dir "$CLUSTER" "$@"); }
as_user() { (cd "$WORK" && "$TOP_SRCDIR/contrib/cluster" exec --dir "$CLUSTER" --user "$@"); }
ctl() { on ctl "$@"; }
start() { "$TOP_SRCDIR/contrib/cluster" start --dir "$CLUSTER" "$@"; }

# straight COMMAND...: on the software GPU itself, without Slurm, daemon or channel.
straight() {
    (cd "$WORK" && VGPU_SOFT_DEVICES=${SOFT_DEVICES:-1} LD_LIBRARY_PATH="$VGPU_LIBDIR/soft:$VGPU_LIBDIR:$CUDA_HOME_DIR/lib64:$CUDA_HOME_DIR/lib" "$@")
}

# The rows of the state table, by jq.
state() { ctl vgpu-smi --json | jq -r "$@"; }

# submit SBATCH-ARGUMENTS...: prints the job's id.
submit() {
    local answer
    answer=$(ctl sbatch --parsable --output="$WORK/%j.out" "$@" 2>"$WORK/submit.err") || return
    echo "${answer%%;*}"
}
job_state() { ctl squeue -h -j "$1" -t all -o %T; }
is_running() { [ "$(job_state "$1")" = RUNNING ]; }
has_ended() { [[ $(job_state "$1") =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL)$ ]]; }
wait_job() { eventually "${2:-60}" has_ended "$1"; }
says() { grep -q -- "$2" "$1"; }

# What every test leaves behind: nothing.
jobs_ended() { [ -z "$(ctl squeue -h)" ]; }
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
