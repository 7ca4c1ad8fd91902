#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the software GPU refuses: all of it with a reason, and of what remoting carries only what no device of compute capability 8.0
# on Linux has, or need have (sparse arrays).

setup() {
    here=$TOP_SRCDIR/softgpu/driver
    made=$TOP_BUILDDIR/softgpu/driver
}

# NAME REASON of each function that is refused
refused() {
    sed -n 's/^SOFT_REFUSE(\(cu[A-Za-z0-9_]*\), "\(.*\)")$/\1 \2/p' "$made/refused.cc"
}

# A newer cuda.h has more functions, and an older one has other forms of some.
known_header() {
    [ "$(awk '/define CUDA_VERSION/ {print $3}' "$CUDA_HOME_DIR/include/cuda.h")" -eq 13000 ] || skip "another cuda.h"
}

@test "every refusal has a reason" {
    [ "$(refused | wc -l)" -ge 60 ]
    [ "$(refused | wc -l)" -eq "$(grep -c '^SOFT_REFUSE' "$made/refused.cc")" ]
    known_header
    ! refused | grep "newer than this driver"
}

@test "what remoting carries is implemented, except for what the device cannot have" {
    known_header
    awk '$2 ~ /^(sync|async|custom|local)$/ {print $3}' "$TOP_SRCDIR/remoting/api/cuda.api" | sort >"$BATS_TEST_TMPDIR/carried"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/carried")" -ge 450 ]
    refused | sort | join - "$BATS_TEST_TMPDIR/carried" >"$BATS_TEST_TMPDIR/missing"
    ! grep -vE 'compute capability (9|10)\.0|arrays are not sparse|have 32 bits|only Windows' "$BATS_TEST_TMPDIR/missing"
}

@test "a reason against what is implemented ends the build" {
    cd "$made"
    { cat "$here/refused.txt"; echo "cuMemcpyDtoH_v2 no reason"; } >"$BATS_TEST_TMPDIR/refused.txt"
    printf 'SOFT_EXPORT CUresult CUDAAPI cuMemcpyDtoH_v2(int)\n' >"$BATS_TEST_TMPDIR/some.cc"
    run "${PYTHON:-python3}" "$here/exports.py" "$BATS_TEST_TMPDIR" "$CUDA_HOME_DIR/include/cuda.h" "$CUDA_HOME_DIR/include/cudaTypedefs.h" \
        cuda-plain.i cuda-threads.i cuda-all.i -- "$BATS_TEST_TMPDIR/refused.txt" "$BATS_TEST_TMPDIR/some.cc"
    [ "$status" -ne 0 ]
    [[ $output == *"cuMemcpyDtoH_v2 is implemented, but refused.txt has a reason against it"* ]]
}
