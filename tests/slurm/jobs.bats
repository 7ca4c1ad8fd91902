#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Jobs as people write them, and what the tools show of them.

load lib

setup() { need jq; }
teardown() {
    ctl scancel --user=root --full || true
    assert_clean
}

@test "the GPU node cannot be seen from the others but over the network" {
    run -0 on gpu1 test -S /run/vgpu/vgpud.sock
    run ! on cpu1 test -e /run/vgpu/vgpud.sock
    run -0 on cpu1 hostname
    [ "$output" = cpu1 ]
}

@test "vgpu-smi shows devices, slices with their job, and sessions with their host" {
    need_program jacobi-shared
    job=$(submit -w cpu1 --gres=vgpu:2 --wrap "while :; do $PROGRAMS/jacobi-shared; done")
    at_work() { [ "$(state '[.slices[] | select(.launches > 0)] | length')" -ge 1 ]; }
    eventually 30 at_work
    [ "$(state '[.devices[].node] | unique | join(",")')" = gpu1 ]
    [ "$(state "[.slices[] | select(.job == $job and .task_host == \"cpu1\")] | length")" = 2 ]
    [ "$(state '[.sessions[].host] | unique | join(",")')" = cpu1 ]
    run -0 ctl vgpu-smi
    contains "$output" "$job"
    contains "$output" "gpu1"
    ctl scancel "$job"
}

@test "a program built by nvcc in the job, with no flag, is carried" {
    need_program vector-add-shared
    [ -n "$NVCC" ] || skip "no nvcc"
    job=$(submit --gres=vgpu:1 --wrap "$NVCC -gencode arch=compute_75,code=compute_75 -I$TOP_SRCDIR/tests/cuda -L$CUDA_HOME_DIR/lib64 -L$CUDA_HOME_DIR/lib -o $WORK/built $TOP_SRCDIR/tests/cuda/vector-add.cu && $WORK/built")
    wait_job "$job" 90
    contains "$(cat "$WORK/$job.out")" "vector-add: ok"
}

@test "a job array: a lease for each of its tasks" {
    need_program vector-add-shared
    job=$(submit --array=1-4 --output="$WORK/array-%a.out" --gres=vgpu:1 --wrap "$PROGRAMS/vector-add-shared")
    eventually 60 jobs_ended
    for i in 1 2 3 4; do
        contains "$(cat "$WORK/array-$i.out")" "vector-add: ok"
    done
}

@test "another user's job runs as that user, worker included" {
    need_program jacobi-shared
    cp "$PROGRAMS/jacobi-shared" "$WORK/jacobi"
    job=$(as_user nobody ctl sbatch --parsable --output="$WORK/nobody.out" --gres=vgpu:1 --wrap "while [ ! -e $WORK/nobody.go ]; do $WORK/jacobi; done")
    worker_of_nobody() { [ "$(on gpu1 ps -C vgpustepd -o user=)" = nobody ]; }
    eventually 30 worker_of_nobody
    touch "$WORK/nobody.go"
    wait_job "$job" 60
    contains "$(cat "$WORK/nobody.out")" "jacobi: ok"
}

@test "two steps of one job at the same time have different slices" {
    job=$(submit -n2 -N1 --gres=vgpu:2 --wrap "go='while [ ! -e $WORK/go ]; do sleep 0.1; done'; srun -n1 --exact --gres=vgpu:1 sh -c \"\$go\" & srun -n1 --exact --gres=vgpu:1 sh -c \"\$go\" & wait")
    both() { [ "$(state "[.slices[] | select(.job == $job) | .step] | unique | length")" -ge 3 ]; }
    eventually 20 both
    touch "$WORK/go"
    wait_job "$job" 30
    rm "$WORK/go"
    [ "$(job_state "$job")" = COMPLETED ]
}

@test "a program that first needs its GPU after LeaseTimeout still gets it" {
    need_program vector-add-shared
    # The lease was renewed meanwhile: LeaseTimeout is 6 s here.
    run -0 --separate-stderr ctl srun --gres=vgpu:1 sh -c "sleep 8; $PROGRAMS/vector-add-shared"
    contains "$output" "vector-add: ok"
}
