#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What goes wrong: one clear message where the user sees it, and nothing left behind.

load lib

setup() { need jq; }
teardown() {
    ctl scancel --user=root --full || true
    ctl scancel --user=nobody --full || true
    # Whatever a test has stopped runs again for the next.
    on ctl pgrep -x vgpuctld >/dev/null || start vgpuctld
    on gpu1 pgrep -x vgpud >/dev/null || start vgpud
    rm -f "$WORK/go"
    eventually 20 gpu_is_up && assert_clean
}

gpu_is_up() { [ "$(state '[.nodes[] | select(.node == "gpu1" and .state == "up")] | length')" = 1 ]; }
leased() { [ "$(state '.slices | length')" -ge 1 ]; }

@test "no vgpuctld: the job fails with the reason, the node stays" {
    stop_daemon ctl vgpuctld
    run ! ctl srun --gres=vgpu:1 true
    once "$output" "vgpu: vgpuctld gives no lease for this step: cannot connect to ctl:6827"
    job=$(submit --gres=vgpu:1 --wrap true)
    wait_job "$job"
    [ "$(job_state "$job")" = FAILED ]
    once "$(cat "$WORK/$job.out")" "cannot connect to ctl:6827"
    # Jobs that want no vgpu do not notice.
    run -0 ctl srun -N2 hostname
}

@test "vgpuctld dies during a job: the job goes on and ends in time" {
    job=$(submit --gres=vgpu:1 --wrap "while [ ! -e $WORK/go ]; do sleep 0.1; done; echo over")
    eventually 20 leased
    on ctl pkill -KILL -x vgpuctld
    touch "$WORK/go"
    wait_job "$job"
    [ "$(job_state "$job")" = COMPLETED ]
    contains "$(cat "$WORK/$job.out")" "over"
    start vgpuctld
}

@test "no GPU node: no free slice" {
    stop_daemon gpu1 vgpud
    gpu_is_gone() { ! gpu_is_up; }
    eventually 20 gpu_is_gone
    run ! ctl srun --gres=vgpu:1 true
    once "$output" "vgpu: no free slice: no GPU node is up"
}

@test "more memory than there is: no free slice, with the numbers" {
    run ! ctl srun --gres=vgpu:1 --vgpu-mem=4000G true
    once "$output" "vgpu: no free slice: 1 asked for"
}

@test "a node whose Slurm has no gres_vgpu.so: refused, if vgpus were asked for" {
    local plugin=$VGPU_LIBDIR/slurm/gres_vgpu.so
    # The same plugin of another version of Slurm, for this node's eyes only.
    cp "$plugin" "$WORK/gres_vgpu.so"
    other_version "$WORK/gres_vgpu.so"
    on cpu2 mount --bind "$WORK/gres_vgpu.so" "$plugin"
    run ! ctl srun -w cpu2 --gres=vgpu:1 true
    contains "$output" "vgpu: this node's Slurm runs without gres_vgpu.so"
    run ! ctl env SLURM_VGPUS_ON_NODE=1 srun -w cpu2 --gres=vgpu:1 true
    contains "$output" "vgpu: this node's Slurm runs without gres_vgpu.so"
    run -0 ctl srun -w cpu2 true
    # A user's own word counts for nothing.
    run -0 ctl env SLURM_VGPUS_ON_NODE=1 srun -w cpu2 sh -c 'echo "lease=$VGPU_LEASE."'
    contains "$output" "lease=."
    on cpu2 umount "$plugin"
    run -0 ctl srun -w cpu2 --gres=vgpu:1 true
}

# other_version FILE: changes plugin_version in a shared library.
other_version() {
    "${PYTHON:-python3}" - "$1" <<'END'
import subprocess, sys
name = sys.argv[1]
symbols = subprocess.run(["nm", "-D", name], capture_output=True, text=True, check=True).stdout
address = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" plugin_version"))
sections = subprocess.run(["readelf", "-SW", name], capture_output=True, text=True, check=True).stdout
for line in sections.splitlines():
    fields = line[6:].split()
    if len(fields) > 5 and fields[0] == ".rodata":
        start, offset = int(fields[2], 16), int(fields[3], 16)
with open(name, "r+b") as file:
    file.seek(address - start + offset)
    file.write((0x140b00).to_bytes(4, "little"))
END
}

@test "scancel of a job in the middle of its GPU work" {
    start_call
    ctl scancel "$job"
    wait_job "$job"
}

@test "a killed worker: the program gets an error and one line" {
    start_call
    on gpu1 pkill -KILL -x vgpustepd
    wait_job "$job"
    [ "$(job_state "$job")" = FAILED ]
    local said
    said=$(cat "$WORK/$job.out")
    once "$said" "slurm-vgpu: "
    contains "$said" "the GPU worker on gpu1 is gone"
    contains "$said" "cudaDeviceSynchronize cudaErrorDevicesUnavailable"
    contains "$said" "cuInit later CUDA_ERROR_DEVICE_UNAVAILABLE"
    contains "$said" "cudaMalloc later cudaErrorDevicesUnavailable"
}

@test "a killed program: its worker goes, the job's next one works" {
    need_program vector-add-shared call-codes-shared
    job=$(submit -w cpu1 --gres=vgpu:1 --wrap "$PROGRAMS/call-codes-shared wait; $PROGRAMS/vector-add-shared")
    eventually 20 says "$WORK/$job.out" 'launch cudaSuccess'
    on cpu1 pkill -KILL -x call-codes-shar
    wait_job "$job"
    [ "$(job_state "$job")" = COMPLETED ]
    contains "$(cat "$WORK/$job.out")" "vector-add: ok"
}

@test "a killed step daemon: the lease expires by itself, and the epilog tidies up" {
    job=$(submit -w cpu1 --gres=vgpu:1 --wrap 'sleep 300')
    eventually 20 leased
    on cpu1 pkill -KILL -x slurmstepd
    eventually 20 no_leases
    ctl scancel "$job"
}

@test "an expired lease: refused with the reason and the code" {
    need_program call-codes-static
    job=$(submit -w cpu1 --gres=vgpu:1 --wrap "while [ ! -e $WORK/go ]; do sleep 0.1; done; $PROGRAMS/call-codes-static")
    eventually 20 leased
    # Stopped, the step daemon renews nothing.
    on cpu1 pkill -STOP -x slurmstepd
    eventually 20 no_leases
    touch "$WORK/go"
    eventually 20 says "$WORK/$job.out" "call-codes: FAILED"
    on cpu1 pkill -CONT -x slurmstepd
    wait_job "$job"
    contains "$(cat "$WORK/$job.out")" "cuInit CUDA_ERROR_NO_DEVICE"
    contains "$(cat "$WORK/$job.out")" "cudaMalloc cudaErrorNoDevice"
    # The step daemon has a word of its own for it.
    once "$(cat "$WORK/$job.out")" "slurm-vgpu: "
    contains "$(grep '^slurm-vgpu: ' "$WORK/$job.out")" "has expired"
}

@test "another user's lease: neither readable nor usable" {
    need_program call-codes-shared
    job=$(submit -w cpu1 --gres=vgpu:1 --wrap 'sleep 300')
    eventually 20 leased
    eventually 10 on cpu1 test -e "/run/vgpu/steps/$job.batch.0/lease"
    local lease=/run/vgpu/steps/$job.batch.0/lease
    run ! as_user nobody cpu1 cat "$lease"
    # A copy in the other's own hands names the lease, and is refused by vgpud.
    on cpu1 sh -c "cp $lease /tmp/foreign && chown nobody /tmp/foreign && chmod 600 /tmp/foreign"
    run ! as_user nobody cpu1 env VGPU_LEASE="$lease" LD_LIBRARY_PATH="$VGPU_LIBDIR" "$PROGRAMS/call-codes-shared"
    contains "$output" "cuInit CUDA_ERROR_NOT_PERMITTED"
    once "$output" "cannot open the lease $lease: Permission denied"
    run ! as_user nobody cpu1 env VGPU_LEASE=/tmp/foreign LD_LIBRARY_PATH="$VGPU_LIBDIR" "$PROGRAMS/call-codes-shared"
    contains "$output" "cuInit CUDA_ERROR_NOT_PERMITTED"
    contains "$output" "cudaMalloc cudaErrorNotPermitted"
    once "$output" "belongs to"
    on cpu1 rm -f /tmp/foreign
    ctl scancel "$job"
}

@test "users cannot take leases past Slurm" {
    run ! as_user nobody cpu1 vgpu-run --server ctl:6827 true
    contains "$output" "may not take leases here: ask Slurm"
}

# It is known by who asks for the driver's functions, which a sanitizer's runtime stands before.
# bats test_tags=plain
@test "a program with NVIDIA's static runtime is told its ways out, stripped or not" {
    need_program vector-add-nvidia
    local program
    for program in vector-add-nvidia vector-add-nvidia-stripped; do
        run ! ctl srun --gres=vgpu:1 "$PROGRAMS/$program"
        once "$output" "-cudart shared"
        contains "$output" "cudaErrorNotSupported"
    done
}

@test "a malformed vgpu.conf on a node: said with file and line in the job" {
    on cpu1 sh -c 'cp /etc/slurm/vgpu.conf /tmp/vgpu.conf && echo Banana=yes >>/tmp/vgpu.conf && mount --bind /tmp/vgpu.conf /etc/slurm/vgpu.conf'
    run ! ctl srun -w cpu1 --gres=vgpu:1 true
    on cpu1 sh -c 'umount /etc/slurm/vgpu.conf && rm /tmp/vgpu.conf'
    once "$output" "vgpu.conf:"
    contains "$output" "Banana"
    run -0 ctl srun -w cpu1 --gres=vgpu:1 true
}

@test "a requeued job gets a lease of its own" {
    job=$(submit --requeue --gres=vgpu:1 --open-mode=append --wrap 'grep ^Lease= "$VGPU_LEASE"; sleep 300')
    printed() { [ "$(grep -c ^Lease= "$WORK/$job.out")" = "$1" ]; }
    eventually 20 printed 1
    ctl scontrol requeue "$job"
    eventually 20 no_leases
    # Slurm holds a requeued job back for cred_expire seconds, counted from the end of its former run.
    eventually 30 printed 2
    [ "$(grep ^Lease= "$WORK/$job.out" | sort -u | wc -l)" = 2 ]
    ctl scancel "$job"
}
