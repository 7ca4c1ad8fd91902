# SPDX-License-Identifier: Apache-2.0
# Shared by all bats files. `make check` sets the variables; a file run by hand finds the tree from its own place, and
# a build in build/.
TOP_SRCDIR=${TOP_SRCDIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
TOP_BUILDDIR=${TOP_BUILDDIR:-$TOP_SRCDIR/build}
CXX=${CXX:-g++}
PYTHON=${PYTHON:-python3}
CUDA_HOME_DIR=${CUDA_HOME_DIR:-/usr/local/cuda}
export TOP_SRCDIR TOP_BUILDDIR CXX PYTHON CUDA_HOME_DIR

# The libraries in the build tree, where libtool puts them.
SOFT_LIBDIR=$TOP_BUILDDIR/softgpu/driver/.libs
NULL_LIBDIR=$TOP_BUILDDIR/nulldriver/.libs
CLIENT_LIBDIR=$TOP_BUILDDIR/remoting/client/.libs
CUDART_LIBDIR=$TOP_BUILDDIR/remoting/cudart/.libs

# need COMMAND...: skips the test where the machine lacks one of them.
need() {
    local one
    for one in "$@"; do
        command -v "$one" >/dev/null || skip "no $one here"
    done
}

# need_program NAME...: skips where tests/cuda was not built (no nvcc, no MPI). $PROGRAMS is where.
need_program() {
    local one
    for one in "$@"; do
        [ -x "$PROGRAMS/$one" ] || skip "tests/cuda/$one was not built"
    done
}

# need_root: namespaces and other users' processes.
need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# eventually SECONDS COMMAND...: waits until COMMAND succeeds.
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            echo "not within the deadline: $*" >&2
            return 1
        fi
        sleep 0.1
    done
}

# contains TEXT PART: with a message that shows both.
contains() {
    [[ $1 == *"$2"* ]] || { printf 'expected: %s\nin: %s\n' "$2" "$1" >&2; return 1; }
}
