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
    [ -z "${SANITIZER:-}" ] || with_sanitizer
    # Other users' jobs must reach their programs, also where a login's umask hides new folders.
    chmod -R a+rX "$VGPU_PREFIX"
    export WORK=$TOP_BUILDDIR/tests/slurm-work
    rm -rf "$WORK"
    install -d -m 1777 "$WORK"
    "$TOP_SRCDIR/contrib/cluster" down --dir "$CLUSTER" >/dev/null 2>&1 || true
    "$TOP_SRCDIR/contrib/cluster" up --quiet --dir "$CLUSTER" --prefix "$VGPU_PREFIX" --share "$TOP_BUILDDIR" \
        --set LeaseTimeout=10 --set HeartbeatInterval=2
}

# with_sanitizer: what SANITIZED_BUILD has in the place of this installation's, but for the plugins: Slurm's own programs, which load
# them, bring no sanitizer's runtime. Jobs have it preloaded.
with_sanitizer() {
    local lib=$VGPU_PREFIX/lib/slurm-vgpu one
    cp "$SANITIZED_BUILD"/remoting/{client/.libs/libcuda.so.1,cudart/.libs/libcudart.so.1[0-9]} "$lib/"
    [[ $VGPU_SANITIZE != *thread* ]] || cp "$SANITIZED_BUILD/softgpu/driver/.libs/libcuda-soft.so.1" "$lib/soft/"
    for one in bin/vgpu-run bin/vgpu-smi bin/vgpuctl sbin/vgpud sbin/vgpuctld; do
        cp "$SANITIZED_BUILD/${one#*/}" "$VGPU_PREFIX/$one"
    done
    cp "$SANITIZED_BUILD/daemon/vgpustepd/vgpustepd" "$VGPU_PREFIX/libexec/slurm-vgpu/"
    # Theirs are the other build's places.
    export VGPU_LIBDIR=$lib VGPU_LIBEXECDIR=$VGPU_PREFIX/libexec/slurm-vgpu
    export SBATCH_EXPORT=ALL,LD_PRELOAD=$SANITIZER SLURM_EXPORT_ENV=ALL,LD_PRELOAD=$SANITIZER
}

teardown_suite() {
    # Where something failed the logs are what is asked for next: they stay.
    "$TOP_SRCDIR/contrib/cluster" down --dir "$CLUSTER"
}
