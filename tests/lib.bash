# SPDX-License-Identifier: Apache-2.0
# Shared by all bats files. `make check` sets the variables; a file run by hand finds the tree from its own place, and
# a build in build/.
TOP_SRCDIR=${TOP_SRCDIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
TOP_BUILDDIR=${TOP_BUILDDIR:-$TOP_SRCDIR/build}
CXX=${CXX:-g++}
PYTHON=${PYTHON:-python3}
CUDA_HOME_DIR=${CUDA_HOME_DIR:-/usr/local/cuda}
CUDA12_DIR=${CUDA12_DIR-$TOP_SRCDIR/.deps-cuda12}
export TOP_SRCDIR TOP_BUILDDIR CXX PYTHON CUDA_HOME_DIR

# The programs of tests/cuda, and the libraries in the build tree, where libtool puts them. What stands for the vendor's may be
# another build's.
PROGRAMS=${CUDA_PROGRAMS:-$TOP_BUILDDIR/tests/cuda}
SOFT_LIBDIR=${SOFT_BUILD:-$TOP_BUILDDIR}/softgpu/driver/.libs
SOFT_LIBS=${SOFT_BUILD:-$TOP_BUILDDIR}/remoting/libs/soft/.libs
NULL_LIBDIR=$TOP_BUILDDIR/nulldriver/.libs
CLIENT_LIBDIR=$TOP_BUILDDIR/remoting/client/.libs
CUDART_LIBDIR=$TOP_BUILDDIR/remoting/cudart/.libs
# The runtimes that were built: libcudart.so.12 beside .13 only where there are headers for it.
RUNTIMES=()
for one in "$CUDART_LIBDIR"/libcudart.so.1[0-9] "$TOP_BUILDDIR/remoting/cudart/12/libcudart.so.12"; do
    [ ! -e "$one" ] || RUNTIMES+=("$one")
done

# need COMMAND...: skips the test where the machine lacks one of them.
need() {
    local one
    for one in "$@"; do
        command -v "$one" >/dev/null || skip "no $one here"
    done
}

# need_program NAME...: skips where tests/cuda was not built (no nvcc, no MPI).
need_program() {
    local one
    for one in "$@"; do
        [ -x "$PROGRAMS/$one" ] || skip "tests/cuda/$one was not built"
    done
}

# need_root: namespaces and other users' processes.
need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# All deadlines are so many times longer: parts with a sanitizer are slow.
SLOWER=1
[ -z "${SANITIZER:-}" ] || SLOWER=5

# eventually SECONDS COMMAND...: waits until COMMAND succeeds; four times as long as it takes on a machine that has
# nothing else to do, since the tests' often has.
eventually() {
    local deadline=$((SECONDS + 4 * SLOWER * $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            echo "not within the deadline: $*" >&2
            return 1
        fi
        sleep 0.1
    done
}

# once TEXT PART: it is there, in one line alone.
once() {
    contains "$1" "$2"
    [ "$(grep -cF -- "$2" <<<"$1")" = 1 ] || { printf 'more than once: %s\nin: %s\n' "$2" "$1" >&2; return 1; }
}

# contains TEXT PART: with a message that shows both.
contains() {
    [[ $1 == *"$2"* ]] || { printf 'expected: %s\nin: %s\n' "$2" "$1" >&2; return 1; }
}

# A device's memory, where programs are compared: they all fit, and memory-quota soon reaches it. Not a whole number of
# its pieces, so that what a context takes makes no difference.
QUOTA=288M

# Before programs that load our libraries and are not started by vgpu-run: with the sanitizer's runtime, if these were built with one.
PRELOADED=(env ${SANITIZER:+"LD_PRELOAD=$SANITIZER"})

# straight COMMAND...: on the software GPU itself, without Slurm, daemon or channel.
straight() {
    local lib=$TOP_BUILDDIR/tests/straight
    # The build tree has the software GPU under its own name only.
    [ -e "$lib/libcuda.so.1" ] || { mkdir -p "$lib" && ln -sf "$SOFT_LIBDIR/libcuda-soft.so.1" "$lib/libcuda.so.1"; }
    "${PRELOADED[@]}" LD_LIBRARY_PATH="$lib:$SOFT_LIBS:$CUDART_LIBDIR:$TOP_BUILDDIR/remoting/cudart/12:$CUDA_HOME_DIR/lib64:$CUDA_HOME_DIR/lib" "$@"
}

# The programs of the driver API alone: no runtime is in them that could be linked in two ways.
driver_programs() {
    sed -n 's/^cuda_driver_programs = //p' "$TOP_SRCDIR/tests/cuda/local.mk"
}

# Every other program has two links, NAME-shared and NAME-static; but majors has two runtimes, and a sample one link. A static
# link brings the runtime of the build that it is from, in which a sanitizer sees nothing.
links() {
    [ ! -e "$TOP_SRCDIR/tests/cuda/samples/$1.cu" ] || { echo "$1-shared" && return; }
    case " majors $(driver_programs) " in
    *" $1 "*) echo "$1" ;;
    *) echo "$1-shared" && { [ -n "${SANITIZER:-}" ] || echo "$1-static"; } ;;
    esac
}

# others WORD: the programs of tests/cuda that no line of this test file calls by WORD, so that none is left out.
others() {
    local file name
    for file in "$PROGRAMS"/*-shared $(driver_programs); do
        name=$(basename "${file%-shared}")
        grep -qE "\b$1 $name\b" "$BATS_TEST_FILENAME" || echo "$name"
    done
}

# expected PROGRAM: what it prints straight, run once for each build. MPI programs have four ranks; the memory of a
# device is the quota that the same program gets elsewhere.
expected() {
    local file=$TOP_BUILDDIR/tests/straight/$1 program=$PROGRAMS/$1 launch=(timeout $((120 * SLOWER))) newer new
    case $1 in mpi-ranks-*) launch+=(mpirun --allow-run-as-root --oversubscribe -n 4) ;; esac
    newer=$(find -L "$program" "$SOFT_LIBDIR/libcuda-soft.so.1" "${RUNTIMES[@]}" -newer "$file" 2>&1 || :)
    if [ -n "$newer" ]; then
        new=$(VGPU_SOFT_DEVICES=4 VGPU_SOFT_MEMORY=$QUOTA straight "${launch[@]}" "$program") ||
            { echo "$1 straight: status $?: $new" >&2; return 1; }
        # Other test files may be doing the same.
        printf '%s\n' "$new" >"$file.$$" && mv "$file.$$" "$file"
    fi
    cat "$file"
}
