#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The programs of tests/cuda, unchanged, from a node without a GPU: both links of each, by sbatch and by srun, say what
# they say straight on the software GPU. One job for each way runs them one after another, since two jobs for each
# program would take their time, and each test waits for its program.

load lib

setup_file() {
    local name link programs=() mpi=()
    export NOTES=$WORK/programs
    mkdir -m 755 "$NOTES"
    for name in $(sed -n 's/^@test .*{ carries \([a-z0-9-]*\); }$/\1/p' "$BATS_TEST_FILENAME") $(others carries); do
        for link in $(links "$name"); do
            [ -x "$PROGRAMS/$link" ] || continue
            case $link in
            mpi-*) mpi+=("$PROGRAMS/$link") ;;
            *) programs+=("$PROGRAMS/$link") ;;
            esac
        done
    done
    by_sbatch >"$NOTES/sbatch.log" 2>&1 3>&- &
    by_srun >"$NOTES/srun.log" 2>&1 3>&- &
}

# Both at the same time take the whole pool of 8. Each leaves a word when it is over, for who waits for a program.
by_sbatch() {
    ctl sbatch --wait -w cpu1 -n4 --gres=vgpu:4 --vgpu-mem="$QUOTA" --output="$NOTES/sbatch.job" \
        "$TOP_SRCDIR/tests/slurm/run-programs" "$NOTES/sbatch" --mpi 'srun -n4 --mpi=pmix' "${programs[@]}" "${mpi[@]}"
    touch "$NOTES/sbatch.over"
}
by_srun() {
    ctl srun -w cpu2 --gres=vgpu:4 --vgpu-mem="$QUOTA" \
        "$TOP_SRCDIR/tests/slurm/run-programs" "$NOTES/srun" "${programs[@]}"
    (cd "$WORK" && "$TOP_SRCDIR/tests/slurm/run-programs" "$NOTES/srun" --mpi \
        "$TOP_SRCDIR/contrib/cluster exec --dir $CLUSTER ctl srun -w cpu2 -n4 --mpi=pmix --gres=vgpu:4 --vgpu-mem=$QUOTA" "${mpi[@]}")
    touch "$NOTES/srun.over"
}

teardown_file() {
    ctl scancel --user=root --full || true
    assert_clean
}

has_run() { [ -e "$NOTES/$1.$2.status" ] || [ -e "$NOTES/$1.over" ]; }

# carries NAME
carries() {
    local link way
    for link in $(links "$1"); do
        need_program "$link"
        expected "$link" >"$BATS_TEST_TMPDIR/expected"
        for way in sbatch srun; do
            # One deadline is enough: what has not come by then is not waited for again.
            eventually 300 has_run "$way" "$link" || touch "$NOTES/$way.over"
            if [ "$(cat "$NOTES/$way.$link.status")" != 0 ] || ! diff "$BATS_TEST_TMPDIR/expected" "$NOTES/$way.$link.out"; then
                echo "$link by $way differs from straight, or failed:"
                tail -n 20 "$NOTES/$way.$link".* "$NOTES/$way.log" "$NOTES/$way".job
                return 1
            fi
        done
    done
}

@test "vector-add" { carries vector-add; }
@test "matmul-tiled" { carries matmul-tiled; }
@test "reduce-shuffle" { carries reduce-shuffle; }
@test "histogram" { carries histogram; }
@test "streams-overlap" { carries streams-overlap; }
@test "constant-memory" { carries constant-memory; }
@test "copy-2d" { carries copy-2d; }
@test "pageable-copies" { carries pageable-copies; }
@test "jacobi: 10,000 launches" { carries jacobi; }
@test "device-printf" { carries device-printf; }
@test "two-devices" { carries two-devices; }
@test "visible-devices" { carries visible-devices; }
@test "device-array" { carries device-array; }
@test "device-features" { carries device-features; }
@test "tensor-cores" { carries tensor-cores; }
@test "thrust-sort" { carries thrust-sort; }
@test "error-codes" { carries error-codes; }
@test "call-codes" { carries call-codes; }
@test "memory-quota" { carries memory-quota; }
@test "driver-ptx" { carries driver-ptx; }
@test "nvrtc" { carries nvrtc; }
@test "mpi-ranks: four of --mpi=pmix, a vgpu for each" { carries mpi-ranks; }

@test "every other program" {
    local name
    for name in $(others carries); do
        carries "$name"
    done
}
