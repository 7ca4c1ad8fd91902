#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# spank_vgpu.so: its options, and what a step finds in its environment.

load lib

setup() { need jq; }
teardown() { assert_clean; }

@test "what is no size, share or channel is refused where it is typed" {
    local command
    for command in "srun :" "sbatch --wrap=:" "salloc :"; do
        # shellcheck disable=SC2086
        run ! ctl ${command%% *} --gres=vgpu:1 --vgpu-mem=banana ${command#* }
        once "$output" "vgpu: --vgpu-mem: 'banana' is not a size"
    done
    run ! ctl srun --gres=vgpu:1 --vgpu-cores=101 true
    contains "$output" "--vgpu-cores: '101' is not a percentage"
    run ! ctl srun --gres=vgpu:1 --vgpu-channel=pigeon true
    contains "$output" "--vgpu-channel: 'pigeon' is not one of auto|shm|unix|tcp"
    run ! ctl srun --gres=vgpu:1 --vgpu-qos=fast true
    contains "$output" "--vgpu-qos: 'fast' is not one of latency|normal|bulk"
}

@test "a job's class is its lease's, else the site's default" {
    local given
    for given in --vgpu-qos=bulk:bulk "--comment=none:normal"; do
        job=$(submit --gres=vgpu:1 "${given%:*}" --wrap 'srun sleep 300')
        classed() { [ "$(state "[.slices[] | select(.job == $job) | .qos] | unique | join(\",\")")" = "${given#*:}" ]; }
        eventually 20 classed
        ctl scancel "$job"
    done
}

@test "srun --help names the options" {
    run -0 ctl srun --help
    for option in --vgpu-mem=SIZE --vgpu-cores=PERCENT --vgpu-channel= --vgpu-qos=; do
        contains "$output" "$option"
    done
}

@test "options without vgpus are refused, not ignored" {
    job=$(submit --vgpu-mem=1G --wrap true)
    wait_job "$job"
    [ "$(job_state "$job")" = FAILED ]
    contains "$(cat "$WORK/$job.out")" "need --gres=vgpu:N"
}

@test "a step finds its lease, our libraries and the words for nvcc" {
    run -0 --separate-stderr ctl srun --gres=vgpu:2 env
    contains "$output" "SLURM_VGPUS_ON_NODE=2"
    [[ $output =~ VGPU_LEASE=/run/vgpu/steps/[0-9]+\.0\.0/lease ]]
    contains "$output" "NVCC_APPEND_FLAGS=-cudart shared"
    [[ $output =~ LD_LIBRARY_PATH=$VGPU_LIBDIR ]]
    [[ $output =~ LD_PRELOAD=[^$'\n']*$VGPU_LIBDIR/libcuda.so.1 ]]
}

@test "what the user has set is kept beside ours" {
    run -0 --separate-stderr ctl env LD_LIBRARY_PATH=/users/own NVCC_APPEND_FLAGS=-G srun --gres=vgpu:1 env
    [[ $output =~ LD_LIBRARY_PATH=[^$'\n']*:/users/own ]]
    contains "$output" "NVCC_APPEND_FLAGS=-G -cudart shared"
}

@test "the lease file is the user's, and says nothing to others" {
    run -0 --separate-stderr as_user nobody ctl srun --gres=vgpu:1 sh -c 'stat -c "%a %U" "$VGPU_LEASE" "$(dirname "$VGPU_LEASE")"; cat "$VGPU_LEASE"'
    contains "$output" "600 nobody"
    contains "$output" "711 root"
    contains "$output" "Version=1"
    contains "$output" "Node=gpu1"
}

@test "a step without vgpus has no lease, whatever surrounds it" {
    job=$(submit --gres=vgpu:1 --wrap 'srun --gres=none sh -c "echo count=\$SLURM_VGPUS_ON_NODE lease=\$VGPU_LEASE preload=\$LD_PRELOAD."')
    wait_job "$job"
    contains "$(cat "$WORK/$job.out")" "count=0 lease= preload=${SANITIZER:-}."
}

@test "a step that wants what its job has shares the lease, another has its own" {
    job=$(submit --gres=vgpu:2 --wrap 'echo $VGPU_LEASE; srun sh -c "echo \$VGPU_LEASE"; srun --gres=vgpu:1 sh -c "echo \$VGPU_LEASE"')
    wait_job "$job"
    # Where a machine is slow srun says, too, that it waits for the end of the step before.
    run -0 grep ^/run "$WORK/$job.out"
    [ "${lines[*]}" = "/run/vgpu/steps/$job.batch.0/lease /run/vgpu/steps/$job.batch.0/lease /run/vgpu/steps/$job.1.0/lease" ]
}

@test "a lease is taken for each node, and shown with its job" {
    job=$(submit -N2 --gres=vgpu:1 --vgpu-mem=64M --vgpu-cores=20 --wrap 'srun sleep 300')
    both_nodes() { [ "$(state "[.slices[] | select(.job == $job) | .task_host] | sort | join(\",\")")" = cpu1,cpu2 ]; }
    eventually 20 both_nodes
    [ "$(state '[.slices[].memory] | unique | join(",")')" = 67108864 ]
    [ "$(state '[.slices[].cores] | unique | join(",")')" = 20 ]
    [ "$(state '[.slices[].uid] | unique | join(",")')" = 0 ]
    run -0 ctl vgpu-smi
    contains "$output" "$job"
    ctl scancel "$job"
}

@test "the plugin needs nothing but Slurm's own symbols" {
    run -0 ldd -r "$VGPU_LIBDIR/slurm/spank_vgpu.so"
    run grep -E '^undefined symbol: ' <<<"$output"
    run grep -vE '^undefined symbol: (spank_|slurm_)' <<<"$output"
    [ -z "$output" ]
}
