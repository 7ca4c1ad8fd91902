#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The kit for a machine with a GPU, tried over the software GPU: that it is whole, and notices what is wrong.
bats_require_minimum_version 1.5.0
load ../lib

setup_file() {
    [ ! -e "$TOP_BUILDDIR/tests/cuda/vector-add-shared" ] ||
        "$TOP_SRCDIR/tests/gpu/stage" --build "$TOP_BUILDDIR" "$BATS_FILE_TMPDIR/kit"
}

setup() {
    kit=$BATS_FILE_TMPDIR/kit
    [ -e "$kit/run" ] || skip "no nvcc: the CUDA programs are not built"
    cd "$BATS_TEST_TMPDIR"
    soft=$SOFT_LIBDIR/libcuda-soft.so.1
}

@test "without a GPU the kit says so and exits with 77" {
    command -v nvidia-smi >/dev/null && skip "there is a GPU here"
    run --separate-stderr "$kit/run"
    [ "$status" = 77 ] || { echo "$status $output $stderr"; false; }
    contains "$stderr" "no GPU here"
}

@test "the kit needs nothing but what it has, and never says that a try is a result" {
    # A few programs are enough to see the script at work.
    mkdir few && cp -r "$kit/." few && rm -f few/bin/{two-devices,thrust-sort,jacobi,matmul-tiled,memory-quota,streams-overlap}-shared
    run env VGPU_SOFT_MEMORY=1G few/run --try "$soft" --quick --out results.json
    [ "$status" = 0 ] || { echo "$output"; false; }
    "$PYTHON" - <<'END'
import json
got = json.load(open("results.json"))
assert got["gpu"] is False and got["device"] == "Software GPU" and got["failed"] == 0, got
assert len(got["programs"]) >= 4, got["programs"]
bad = [row for row in got["programs"] for way in ("native", "shm", "tcp") if row[way] not in ("ok", "skipped")]
assert all(row["program"].startswith("wrong-") for row in bad), bad
assert any(row["program"] == "vmm" for row in got["programs"]), got["programs"]
names = {row["name"] for row in got["benchmarks"]}
assert {"launch-bound-loop", "copies-512-MiB", "training-like-steps", "application-256", "kernel-matmul"} <= names, names
assert all(row["shm_ratio"] > 0 and row["tcp_ratio"] > 0 for row in got["benchmarks"])
END
}

@test "a program that fails is counted" {
    mkdir bad && cp -r "$kit/." bad && rm bad/bin/*-shared bad/bin/driver/* bad/bin/kernels
    printf '#!/bin/sh\necho "broken: wrong"\nexit 1\n' >bad/bin/broken-shared
    printf '#!/bin/sh\nexit 0\n' >bad/bin/kernels
    chmod +x bad/bin/*
    run env VGPU_SOFT_MEMORY=1G bad/run --try "$soft" --quick --out results.json
    [ "$status" = 1 ]
    contains "$output" "broken-shared, native: status 1"
    grep -q '"failed": 3' results.json
}
