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
    start_call -w cpu1
    at_work() { [ "$(state '[.slices[] | select(.launches > 0)] | length')" -ge 1 ]; }
    eventually 20 at_work
    [ "$(state '[.devices[].node] | unique | join(",")')" = gpu1 ]
    [ "$(state "[.slices[] | select(.job == $job and .task_host == \"cpu1\")] | length")" = 1 ]
    [ "$(state '[.sessions[].host] | unique | join(",")')" = cpu1 ]
    run -0 ctl vgpu-smi
    contains "$output" "$job"
    contains "$output" "gpu1"
    ctl scancel "$job"
}

@test "a job on the GPU node itself comes by shared memory, one elsewhere by TCP" {
    local where
    for where in gpu1:shm cpu1:tcp; do
        start_call -w "${where%:*}"
        [ "$(state '[.sessions[].channel] | join(",")')" = "${where#*:}" ]
        ctl scancel "$job"
        wait_job "$job"
        eventually 20 no_sessions
    done
}

@test "MPI ranks on two nodes have the vgpus of their own node" {
    need_program mpi-ranks-shared mpi-ranks-static
    local link
    for link in shared static; do
        run -0 --separate-stderr ctl srun -w cpu1,cpu2 -N2 -n4 --mpi=pmix --gres=vgpu:2 "$PROGRAMS/mpi-ranks-$link" 2
        [ "$output" = "$(expected "mpi-ranks-$link")" ]
    done
}

# NVIDIA's compiler does not bear a preloaded sanitizer.
# bats test_tags=plain
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

# The job's slices, told apart, and those of its steps but for the batch step.
slices_of_job() { state "[.slices[] | select(.job == $job) | [.pages, .page]] | unique | length"; }
slices_of_steps() { state "[.slices[] | select(.job == $job and .step < 1000) | [.pages, .page]] | unique | length"; }
leases_of_job() { state "[.slices[] | select(.job == $job) | .lease] | unique | length"; }
has_leases() { [ "$(leases_of_job)" = "$1" ]; }

@test "two steps of one job at the same time have different slices, which are the job's" {
    job=$(submit -n2 -N1 --gres=vgpu:2 --wrap "go='while [ ! -e $WORK/go ]; do sleep 0.1; done'; srun -n1 --exact --gres=vgpu:1 sh -c \"\$go\" & srun -n1 --exact --gres=vgpu:1 sh -c \"\$go\" & wait")
    eventually 20 has_leases 3
    [ "$(slices_of_job)" = 2 ]
    [ "$(slices_of_steps)" = 2 ]
    touch "$WORK/go"
    wait_job "$job"
    rm "$WORK/go"
    [ "$(job_state "$job")" = COMPLETED ]
}

@test "steps that overlap share what their job was granted, on each of its nodes" {
    job=$(submit -n4 -N2 --gres=vgpu:2 --wrap "go='while [ ! -e $WORK/go ]; do sleep 0.1; done'; for i in 1 2 3; do srun -n2 -N2 --overlap --gres=vgpu:1 sh -c \"\$go\" & done; wait")
    # One of the batch step, and of each step two, for each node has its own.
    eventually 20 has_leases 7
    [ "$(slices_of_job)" = 4 ]
    touch "$WORK/go"
    wait_job "$job"
    rm "$WORK/go"
    [ "$(job_state "$job")" = COMPLETED ]
}

@test "a program that first needs its GPU after LeaseTimeout still gets it" {
    need_program vector-add-shared
    # The lease was renewed meanwhile: LeaseTimeout is 10 s here.
    run -0 --separate-stderr ctl srun --gres=vgpu:1 sh -c "sleep 12; $PROGRAMS/vector-add-shared"
    contains "$output" "vector-add: ok"
}
