#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The programs of tests/cuda, unchanged, from a node without a GPU: their output is that of a run straight on the
# software GPU. Each with the shared runtime by sbatch, and relinked with our archive by srun.

load lib

setup() { need jq; }
teardown() { assert_clean; }

# carried SRUN-OPTIONS... -- COMMAND...
expected() {
    run -0 --separate-stderr straight "$@"
    [ -n "$output" ]
    printf '%s\n' "$output" >"$WORK/expected"
}

by_sbatch() {
    local job
    job=$(submit -w cpu1 "$@")
    wait_job "$job" 120
    if [ "$(job_state "$job")" != COMPLETED ]; then
        cat "$WORK/$job.out" >&2
        return 1
    fi
    diff "$WORK/expected" "$WORK/$job.out"
}

by_srun() {
    run -0 --separate-stderr ctl srun -w cpu2 "$@"
    diff "$WORK/expected" - <<<"$output"
}

# carries NAME [VGPUS]
carries() {
    need_program "$1-shared"
    SOFT_DEVICES=${2:-1} expected "$PROGRAMS/$1-shared"
    by_sbatch --gres="vgpu:${2:-1}" --wrap "$PROGRAMS/$1-shared"
    by_srun --gres="vgpu:${2:-1}" "$PROGRAMS/$1-static"
}

@test "vector-add" { carries vector-add; }
@test "matmul-tiled" { carries matmul-tiled; }
@test "reduce-shuffle" { carries reduce-shuffle; }
@test "histogram" { carries histogram; }
@test "streams-overlap" { carries streams-overlap; }
@test "constant-memory" { carries constant-memory; }
@test "copy-2d" { carries copy-2d; }
@test "jacobi: 10,000 launches" { carries jacobi; }
@test "device-printf" { carries device-printf; }
@test "two-devices: --gres=vgpu:2" { carries two-devices 2; }
@test "thrust-sort" { carries thrust-sort; }
@test "error-codes" { carries error-codes; }

@test "driver-ptx" {
    need_program driver-ptx
    expected "$PROGRAMS/driver-ptx"
    by_sbatch --gres=vgpu:1 --wrap "$PROGRAMS/driver-ptx"
}

@test "nvrtc" {
    need_program nvrtc
    expected "$PROGRAMS/nvrtc"
    by_sbatch --gres=vgpu:1 --wrap "$PROGRAMS/nvrtc"
}

@test "mpi-ranks: srun -n4 --mpi=pmix, a vgpu for each rank" {
    need_program mpi-ranks-shared
    run -0 --separate-stderr ctl srun -N1 -n4 --mpi=pmix --gres=vgpu:4 "$PROGRAMS/mpi-ranks-shared" 4
    contains "$output" "mpi-ranks: ok"
    printf '%s\n' "$output" >"$WORK/expected"
    # Over two nodes it is the same sum.
    by_srun_two() {
        run -0 --separate-stderr ctl srun -w cpu1,cpu2 -N2 -n4 --mpi=pmix --gres=vgpu:2 "$PROGRAMS/mpi-ranks-static" 2
        diff "$WORK/expected" - <<<"$output"
    }
    by_srun_two
}

@test "a job on the GPU node itself comes by shared memory, one elsewhere by TCP" {
    need_program jacobi-shared
    local where channel job
    for where in gpu1:shm cpu1:tcp; do
        job=$(submit -w "${where%:*}" --gres=vgpu:1 --wrap "while :; do $PROGRAMS/jacobi-shared; done")
        seen() { channel=$(state "[.sessions[].channel] | join(\",\")") && [ -n "$channel" ]; }
        eventually 30 seen
        [ "$channel" = "${where#*:}" ]
        ctl scancel "$job"
        wait_job "$job"
        eventually 20 no_sessions
    done
}

@test "the memory of a slice is a limit on every way to allocate" {
    need_program memory-quota-shared
    run -0 --separate-stderr ctl srun --gres=vgpu:1 --vgpu-mem=96M "$PROGRAMS/memory-quota-shared"
    contains "$output" "memory-quota: ok"
    contains "$output" "96"
}
