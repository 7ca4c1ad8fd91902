# SPDX-License-Identifier: Apache-2.0
# One cluster for all files of this folder, with short deadlines, from a fresh installation into the prefix.

setup_suite() {
    local tests
    tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    # shellcheck source=/dev/null
    . "$tests/lib.bash"
    export VGPU_PREFIX=${VGPU_PREFIX:-$TOP_SRCDIR/prefix}
    export CLUSTER=$TOP_BUILDDIR/tests/slurm-cluster
    mkdir -p "$TOP_BUILDDIR/tests"
    # A make of its own: ours must not wait for the jobs of the one that runs the tests.
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$TOP_BUILDDIR" install >"$TOP_BUILDDIR/tests/slurm-install.log" 2>&1
    # Other users' jobs must reach their programs, also where a login's umask hides new folders.
    chmod -R a+rX "$VGPU_PREFIX"
    export WORK=$TOP_BUILDDIR/tests/slurm-work
    rm -rf "$WORK"
    install -d -m 1777 "$WORK"
    "$TOP_SRCDIR/contrib/cluster" down --dir "$CLUSTER" >/dev/null 2>&1 || true
    "$TOP_SRCDIR/contrib/cluster" up --quiet --dir "$CLUSTER" --prefix "$VGPU_PREFIX" --share "$TOP_BUILDDIR" \
        --set LeaseTimeout=10 --set HeartbeatInterval=2
}

teardown_suite() {
    # Where something failed the logs are what is asked for next: they stay.
    "$TOP_SRCDIR/contrib/cluster" down --dir "$CLUSTER"
}
