#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The wrappers of the CUDA libraries: their names and types are the libraries' own, and what reaches a library beside the worker is
# what reaches it straight.
bats_require_minimum_version 1.5.0
load ../../tests/lib
load ../../tests/daemons

LIBS=$TOP_BUILDDIR/remoting/libs

setup_file() {
    stage
    mkdir -p "$STAGE/lib/null"
    ln -sf "$NULL_LIBDIR/libcuda-null.so.1" "$STAGE/lib/null/"
    ln -sf libcuda-null.so.1 "$STAGE/lib/null/libcuda.so.1"
    local one
    for one in "$LIBS"/null/.libs/lib*.so.*[0-9]; do
        ln -sf "$one" "$STAGE/lib/null/"
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    driver=$VGPU_LIBDIR/null/libcuda-null.so.1
}

teardown() { nothing_left; }

# Channels, each with what comes before the command.
ways() {
    printf '%s\n' "shm env" "tcp env"
    [ "$(id -u)" != 0 ] || printf '%s\n' "shm with_least_rings" "tcp with_least_rings"
}

exports() { nm -D --defined-only "$1" | awk '{print $3}' | sed 's/@@.*//' | grep '^cu' | sort; }

# same NAME PREFIX SET_MODE: a program that makes every call, straight on the recording library and remoted.
same() {
    local name=$1 prefix=$2 mode=$3 channel how
    "${PRELOADED[@]}" LD_LIBRARY_PATH="$STAGE/lib/null" VGPU_NULL_RECORD=straight.record "$LIBS/$name-calls" >straight
    "$PYTHON" "$TOP_SRCDIR/remoting/libs/sequence.py" "$prefix" "$mode" straight.record >straight.calls
    # All that is in the description was made.
    [ "$(cut -d' ' -f1 straight.calls | sort -u)" = "$(sed -n 's/.*{[0-9]*, "\([^"]*\)", &*serve.*/\1/p' "$LIBS/$name/server.cc" | sort -u)" ]
    while read -r channel how; do
        rm -f record
        VGPU_NULL_RECORD=$PWD/record run -0 --separate-stderr "$how" vgpu-run --driver "$driver" --channel "$channel" "$LIBS/$name-calls" </dev/null
        [ -z "$stderr" ] || { echo "over $channel ($how): $stderr"; return 1; }
        "$PYTHON" "$TOP_SRCDIR/remoting/libs/sequence.py" "$prefix" "$mode" record >calls
        diff straight.calls calls | head -20 | cut -c1-300
        cmp straight.calls calls
        echo "$output" >answers
        diff straight answers | head -20
        cmp straight answers
    done < <(ways)
}

@test "cuBLAS: every call reaches the library as it does straight" { same cublas cublas cublasSetPointerMode_v2; }
@test "cuBLASLt: the same" { same cublaslt cublasLt none; }
@test "cuDNN: the same" { same cudnn cudnn none; }
@test "cuRAND: the same" { same curand curand none; }
@test "cuFFT: the same" { same cufft cufft none; }
@test "cuSOLVER: the same" { same cusolver cusolver none; }
@test "cuSPARSE: the same" { same cusparse cusparse cusparseSetPointerMode; }

@test "the same, where every call is waited for" {
    export CUDA_LAUNCH_BLOCKING=1
    same cublas cublas cublasSetPointerMode_v2
    same cufft cufft none
}

# bats test_tags=plain
@test "the wrappers export what the vendor's libraries do" {
    local one theirs none=yes
    for one in "$LIBS"/.libs/lib*.so.*[0-9]; do
        theirs=$CUDA_HOME_DIR/lib64/$(basename "$one")
        case $one in *.*.*.*.*) continue ;; esac
        [ -e "$theirs" ] || theirs=$CUDA_HOME_DIR/lib/$(basename "$one")
        [ -e "$theirs" ] || continue
        none=
        case $one in
        # Has names beside that no header declares: all that are declared we have (below).
        *Lt.so* | *cudnn.so*) [ -z "$(comm -13 <(exports "$theirs") <(exports "$one"))" ] ;;
        *) diff <(exports "$theirs") <(exports "$one") ;;
        esac
        [ "$(objdump -p "$one" | sed -n 's/ *SONAME *//p')" = "$(basename "$theirs")" ]
        objdump -T "$one" | grep -q " $(basename "$theirs")  *cu" || objdump -T "$one" | grep -q "$(basename "$theirs") "
    done
    [ -z "$none" ] || skip "none of the vendor's libraries is here"
}

@test "a program of CUDA 12 finds its libraries, over the worker's of either major" {
    local of12 of13
    while read -r of12 of13; do
        [ "$(objdump -p "$STAGE/lib/$of12" | sed -n 's/ *SONAME *//p')" = "$of12" ]
        objdump -T "$STAGE/lib/$of12" | grep -q " $of12  *cu"
        diff <(exports "$STAGE/lib/$of13") <(exports "$STAGE/lib/$of12")
    done <<'END'
libcublas.so.12 libcublas.so.13
libcublasLt.so.12 libcublasLt.so.13
libcufft.so.11 libcufft.so.12
libcusolver.so.11 libcusolver.so.12
END
    cat >twelve.py <<'END'
import ctypes
blas, handle, version = ctypes.CDLL("libcublas.so.12"), ctypes.c_void_p(), ctypes.c_int()
print(blas.cublasCreate_v2(ctypes.byref(handle)), blas.cublasGetVersion_v2(handle, ctypes.byref(version)), version.value)
fft, solver, plan = ctypes.CDLL("libcufft.so.11"), ctypes.CDLL("libcusolver.so.11"), ctypes.c_int()
print(fft.cufftCreate(ctypes.byref(plan)), plan.value, fft.cufftDestroy(plan), solver.cusolverDnCreate(ctypes.byref(handle)))
END
    run -0 --separate-stderr vgpu-run --driver "$driver" "$PYTHON" twelve.py
    [ "$output" = "0 0 5
0 1 0 0" ] || { echo "$output $stderr"; return 1; }
}

# bats test_tags=plain
@test "numbers of libraries and their objects are told apart" {
    local number
    for number in '^library' '^object'; do
        [ -z "$(awk -v what="$number" '$0 ~ what " " { print $3, FILENAME }' "$TOP_SRCDIR"/remoting/libs/*.api | sort -u | cut -d' ' -f1 | uniq -d)" ]
    done
}

# bats test_tags=plain
@test "the descriptions agree with the headers" {
    local api name header none=yes
    for api in "$TOP_SRCDIR"/remoting/libs/*.api; do
        name=$(basename "$api" .api)
        header=$(sed -n 's/^header //p' "$api")
        # shellcheck disable=SC2086
        printf '#include <%s>\n' $header >all.h
        $CXX -E -P -x c++ -isystem "$CUDA_HOME_DIR/include" all.h >all.txt 2>/dev/null || continue
        none=
        $CXX -std=c++20 -fsyntax-only -x c++ -isystem "$CUDA_HOME_DIR/include" "$LIBS/$name/check.cc"
        "$PYTHON" "$TOP_SRCDIR/remoting/libs/generate.py" --missing all.txt "$api"
    done
    [ -z "$none" ] || skip "none of the libraries' headers is here"
}

@test "a wrapper over another libcuda says so, once, and does not work" {
    run "${PRELOADED[@]}" LD_LIBRARY_PATH="$STAGE/lib/null" "$LIBS/cublas-calls"
    rm -rf mixed
    mkdir mixed
    ln -s "$driver" mixed/libcuda.so.1
    ln -s "$STAGE/lib/libcublas.so.13" mixed/
    run --separate-stderr "${PRELOADED[@]}" LD_LIBRARY_PATH="$PWD/mixed" "$LIBS/cublas-calls"
    contains "$output" "cublasCreate_v2 1 "
    once "$stderr" "take both from the same folder"
}

@test "what cannot be right is said at once, and what is not carried by name" {
    cat >wrong.py <<'END'
import ctypes
from ctypes import byref, c_int, c_void_p
fft, sparse, solver = (ctypes.CDLL(f"lib{one}.so.12") for one in ("cufft", "cusparse", "cusolver"))
plan, handle, matrix, made, size = c_int(), c_void_p(), c_void_p(), c_void_p(), ctypes.c_size_t()
print(fft.cufftPlan1d(None, 8, 0x29, 1), fft.cufftCreate(byref(plan)), plan.value, fft.cufftExecC2C(99, None, None, -1),
      fft.cufftPlanMany(byref(plan), 1, None, None, 1, 1, None, 1, 1, 0x29, 1), fft.cufftGetSize(1, None),
      fft.cufftGetSize(1, byref(size)), size.value & 255, fft.cufftDestroy(1), fft.cufftDestroy(1), fft.cufftXtSetGPUs(1, 1, None))
print(sparse.cusparseSetPointerMode(None, 0), sparse.cusparseCreate(byref(handle)), sparse.cusparseSetPointerMode(handle, 7),
      sparse.cusparseCreateMatDescr(byref(matrix)), sparse.cusparseSetMatType(handle, 0), sparse.cusparseGetMatType(matrix),
      sparse.cusparseSnnz(handle, 0, 1, 1, handle, None, 1, None, byref(plan)),
      sparse.cusparseSnnz(handle, 0, 1, 1, matrix, None, 1, None, None), sparse.cusparseDestroy(matrix))
print(solver.cusolverDnCreate(byref(made)), solver.cusolverDnSgetrf_bufferSize(made, 1, 1, None, 1, None),
      solver.cusolverDnSgetrf_bufferSize(made, 1, 1, None, 1, byref(plan)), plan.value)
END
    run -0 --separate-stderr vgpu-run --driver "$driver" "$PYTHON" wrong.py
    [ "$output" = "4 0 1 1 4 4 0 5 0 1 16
1 0 3 0 1 0 3 3 1
0 3 0 5" ] || { echo "$output $stderr"; return 1; }
    once "$stderr" "cufftXtSetGPUs"
}

# A cuFFT that reads a callback's name, code and data when the plan is made, as NVIDIA's may; a sum of them is the plan's work area. The
# call is named as in CUDA 13, or as in CUDA 12, whose own cufftXtSetJITCallback is another function.
callback_library() {
    $CXX -O1 "-D$2" -shared -fPIC -o "$1" -x c - <<'END'
#include <stddef.h>
#ifdef twelve
#define cufftXtSetJITCallback __cufftXtSetJITCallback_12_7
#endif
static const char *names[8];
static const unsigned char *codes[8];
static size_t sizes[8];
static void **infos[8];
int cufftCreate(int *plan) { *plan = 7; return 0; }
int cufftDestroy(int plan) { return plan != 7; }
int cufftGetVersion(int *version) { *version = 12; return 0; }
int cufftXtSetJITCallback(int plan, const char *name, const void *code, size_t size, int type, void **info)
{
    names[type] = name, codes[type] = code, sizes[type] = size, infos[type] = info;
    return plan != 7;
}
#undef cufftXtSetJITCallback
#ifdef twelve
int cufftXtSetJITCallback(int plan, const void *code, size_t size, int type, void **info) { return 5; }
#endif
int cufftMakePlan1d(int plan, int n, int type, int batch, size_t *sum)
{
    *sum = 0;
    for (int i = 0; i < 8; i++) {
        for (const char *c = names[i]; c && *c; c++)
            *sum = *sum * 31 + (unsigned char)*c;
        for (size_t k = 0; k < sizes[i]; k++)
            *sum = *sum * 31 + codes[i][k];
        *sum += infos[i] ? (size_t)infos[i][0] : 0;
    }
    return 0;
}
END
}

@test "cuFFT's callbacks: name, code and data stay for as long as the plan, between CUDA 12 and 13" {
    local had wants
    ln -sf "$NULL_LIBDIR/libcuda-null.so.1" .
    mkdir -p of12 of13
    callback_library of12/libcufft.so.11 twelve
    callback_library of13/libcufft.so.12 thirteen
    cat >callbacks.py <<'END'
import ctypes
import sys
from ctypes import byref, c_int, c_size_t, c_uint64
cuda, fft = ctypes.CDLL("libcuda.so.1"), ctypes.CDLL(sys.argv[1])
set_callback = getattr(fft, "__cufftXtSetJITCallback_12_7" if sys.argv[1].endswith("11") else "cufftXtSetJITCallback")
plan, version, total, context, data = c_int(), c_int(), c_size_t(), ctypes.c_void_p(), c_uint64()
assert not any([cuda.cuInit(0), cuda.cuDevicePrimaryCtxRetain(byref(context), 0), cuda.cuCtxSetCurrent(context),
                cuda.cuMemAlloc_v2(byref(data), c_size_t(4096)), fft.cufftCreate(byref(plan))])
made, expected = {}, 0
# The first of type 0 is replaced.
for type_, size, info in (0, 100, True), (4, 5000, False), (0, 800 << 10, True), (6, 1, True):
    name = ctypes.create_string_buffer(b"callback_%d" % type_)
    code = ctypes.create_string_buffer(bytes((i * 7 + type_) % 251 for i in range(size)), size)
    infos = (c_uint64 * 1)(data.value + 256 * type_) if info else None
    assert set_callback(plan, name, code, c_size_t(size), type_, infos) == 0
    made[type_] = ([*name.value, *code.raw], infos[0] if info else 0)
    for mine in name, code, infos: # nothing of it is the library's
        if mine:
            ctypes.memset(mine, 0xee, ctypes.sizeof(mine))
for _, (given, info) in sorted(made.items()):
    for byte in given:
        expected = (expected * 31 + byte) % 2**64
    expected = (expected + info) % 2**64
for _ in range(2000):
    fft.cufftGetVersion(byref(version))
assert fft.cufftMakePlan1d(plan, 8, 0x29, 1, byref(total)) == 0
print("same" if total.value == expected else f"{total.value:x} instead of {expected:x}", fft.cufftDestroy(plan))
END
    for had in of12 of13; do
        for wants in libcufft.so.11 libcufft.so.12; do
            run -0 --separate-stderr env VGPU_CONF_LIBRARIES="$PWD/$had" vgpu-run --driver "$PWD/libcuda-null.so.1" "$PYTHON" callbacks.py "$wants"
            [ "$output $stderr" = "same 0 " ] || { echo "$wants over $had: $output $stderr"; return 1; }
        done
    done
}

@test "cuFFT's callbacks: what cannot be right, and what no shared cuFFT has" {
    cat >wrong.py <<'END'
import ctypes
from ctypes import byref, c_int, c_size_t, c_uint64
fft, older, plan = ctypes.CDLL("libcufft.so.12"), ctypes.CDLL("libcufft.so.11"), c_int()
code, huge, wild = b"code", ctypes.create_string_buffer(1 << 20), (c_uint64 * 1)(0x40)
print(fft.cufftCreate(byref(plan)), fft.cufftXtSetJITCallback(plan, b"load", code, c_size_t(4), 0, None),
      fft.cufftXtSetJITCallback(plan, b"load", None, c_size_t(4), 0, None), fft.cufftXtSetJITCallback(plan, b"load", code, c_size_t(0), 0, None),
      fft.cufftXtSetJITCallback(plan, None, code, c_size_t(4), 0, None), fft.cufftXtSetJITCallback(99, b"load", code, c_size_t(4), 0, None),
      fft.cufftXtSetJITCallback(plan, b"load", code, c_size_t(4), 0, wild), fft.cufftXtSetJITCallback(plan, b"load", code, c_size_t(4), -1, None),
      fft.cufftXtSetJITCallback(plan, b"load", code, c_size_t(4), 100, None), fft.cufftXtSetJITCallback(plan, b"load", huge, c_size_t(1 << 20), 0, None),
      fft.cufftXtSetCallbackSharedSize(99, 0, c_size_t(16)))
print(fft.cufftXtSetCallback(plan, byref(wild), 0, None), fft.cufftXtClearCallback(plan, 0))
print(older.cufftCreate(byref(plan)), older.cufftXtSetJITCallback(plan, code, c_size_t(4), 0, None),
      older["__cufftXtSetJITCallback_12_7"](plan, b"load", code, c_size_t(4), 0, None))
END
    run -0 --separate-stderr vgpu-run --driver "$driver" "$PYTHON" wrong.py
    [ "$output" = "0 0 4 4 4 1 4 4 4 16 1
16 16
0 16 0" ] || { echo "$output $stderr"; return 1; }
    once "$stderr" "more than 900 KiB"
    once "$stderr" "cufftXtSetCallback is not supported: no shared cuFFT has it"
    once "$stderr" "it has five parameters"
}

@test "what is answered at home" {
    cat >home.py <<'END'
import ctypes
from ctypes import byref, c_char_p, c_int, c_int64, c_size_t, c_uint, c_uint64, c_void_p, create_string_buffer
blas, lt, dnn, sparse, solver = (ctypes.CDLL(f"lib{one}.so.{major}") for one, major in
                                 (("cublas", 13), ("cublasLt", 13), ("cudnn", 9), ("cusparse", 12), ("cusolver", 12)))
cuda, context, stream, handle, got = ctypes.CDLL("libcuda.so.1"), c_void_p(), c_void_p(), c_void_p(), c_void_p()
assert not any([cuda.cuInit(0), cuda.cuDevicePrimaryCtxRetain(byref(context), 0), cuda.cuCtxSetCurrent(context), cuda.cuStreamCreate(byref(stream), 1)])

def text(function, *arguments):
    function.restype = c_char_p
    return function(*arguments).decode()

def number(function):
    function.restype = c_size_t
    return function()

# A library's stream is the one that was set.
def streams(create, put, get):
    at, where = c_void_p(), c_void_p(1)
    first = create(byref(at)), get(at, byref(where)), where.value
    return *first, put(at, stream), get(at, byref(where)), where.value == stream.value, get(at, None) != 0, get(None, byref(where)) != 0, at

print(text(blas.cublasGetStatusString, 13), "|", text(lt.cublasLtGetStatusString, 15), "|", text(dnn.cudnnGetErrorString, 3002), "|",
      text(dnn.cudnnGetErrorString, 1234), "|", text(sparse.cusparseGetErrorName, 9), "|", text(sparse.cusparseGetErrorString, 3), "|",
      text(sparse.cusparseGetErrorName, -1))
versions = [number(one) for one in (blas.cublasGetCudartVersion, lt.cublasLtGetCudartVersion, dnn.cudnnGetCudartVersion)]
print(versions[0] >= 12000, len(set(versions)), number(dnn.cudnnGetVersion))
callback, data, mask = c_void_p(1), c_void_p(1), c_uint(1)
print(blas.cublasGetLoggerCallback(byref(callback)), callback.value, blas.cublasGetLoggerCallback(None))
callback = c_void_p(1)
print(dnn.cudnnGetCallback(byref(mask), byref(data), byref(callback)), mask.value, data.value, callback.value)
blas.cublasXerbla(b"SGEMM", 8)
*said, on_dnn = streams(dnn.cudnnCreate, dnn.cudnnSetStream, dnn.cudnnGetStream)
print(*said)
message, status = create_string_buffer(b"before"), c_int(7)
dnn.cudnnGetLastErrorString(message, c_size_t(7))
print(message.value, dnn.cudnnQueryRuntimeError(on_dnn, byref(status), 0, None), status.value, dnn.cudnnQueryRuntimeError(on_dnn, None, 0, None))
print(*streams(solver.cusolverDnCreate, solver.cusolverDnSetStream, solver.cusolverDnGetStream)[:-1])
*said, on_sparse = streams(sparse.cusparseCreate, sparse.cusparseSetStream, sparse.cusparseGetStream)
mode = c_int(7)
print(*said, sparse.cusparseGetPointerMode(on_sparse, byref(mode)), mode.value, sparse.cusparseSetPointerMode(on_sparse, 1),
      sparse.cusparseGetPointerMode(on_sparse, byref(mode)), mode.value, sparse.cusparseGetPointerMode(on_sparse, None))

# attribute(GET, DESCRIPTOR, NUMBER, TYPE): the call's answer, the value, and how long it is.
def attribute(get, descriptor, which, type_):
    value, written = type_(-1), c_size_t()
    return get(descriptor, which, byref(value), c_size_t(ctypes.sizeof(value)), byref(written)), value.value, written.value

room, few = create_string_buffer(512), c_size_t(8)
print(lt.cublasLtMatrixLayoutCreate(byref(got), 2, c_uint64(3), c_uint64(5), c_int64(7)),
      *(attribute(lt.cublasLtMatrixLayoutGetAttribute, got, one, type_) for one, type_ in ((0, c_uint), (2, c_uint64), (3, c_uint64), (4, c_int64))),
      attribute(lt.cublasLtMatrixLayoutGetAttribute, got, 2, c_int)[0], lt.cublasLtMatrixLayoutDestroy(got))
half = c_int(2)
print(lt.cublasLtMatrixTransformDescInit_internal(room, c_size_t(512), 1), attribute(lt.cublasLtMatrixTransformDescGetAttribute, room, 0, c_int),
      lt.cublasLtMatrixTransformDescInit_internal(room, few, 1), lt.cublasLtMatrixTransformDescCreate(byref(got), 0),
      lt.cublasLtMatrixTransformDescSetAttribute(got, 2, byref(half), c_size_t(4)), attribute(lt.cublasLtMatrixTransformDescGetAttribute, got, 2, c_int),
      lt.cublasLtMatrixTransformDescDestroy(got))
print(lt.cublasLtEmulationDescInit_internal(room, c_size_t(512)), lt.cublasLtEmulationDescInit_internal(None, c_size_t(512)),
      lt.cublasLtEmulationDescCreate(byref(got)), attribute(lt.cublasLtEmulationDescGetAttribute, got, 1, c_int),
      lt.cublasLtEmulationDescSetAttribute(got, 1, byref(half), c_size_t(4)), attribute(lt.cublasLtEmulationDescGetAttribute, got, 1, c_int),
      lt.cublasLtEmulationDescSetAttribute(got, 1, byref(half), c_size_t(2)), lt.cublasLtEmulationDescDestroy(got))
print(lt.cublasLtMatmulPreferenceInit_internal(room, c_size_t(512)), attribute(lt.cublasLtMatmulPreferenceGetAttribute, room, 5, c_uint))
END
    run -0 --separate-stderr vgpu-run --driver "$driver" "$PYTHON" home.py
    [ "$output" = "the GPU program failed to execute | the functionality requested is not supported | CUDNN_STATUS_NOT_SUPPORTED_SHAPE | CUDNN_UNKNOWN_STATUS | CUSPARSE_STATUS_ZERO_PIVOT | invalid value | unrecognized error code
True 1 99900
0 None 7
0 0 None None
0 0 None 0 0 True True True
b'' 0 0 2002
0 0 None 0 0 True True True
0 0 None 0 0 True True True 0 0 0 0 1 3
0 (0, 2, 4) (0, 3, 8) (0, 5, 8) (0, 7, 8) 7 0
0 (0, 1, 4) 3 0 0 (0, 2, 4) 0
0 7 0 (0, 65535, 4) 0 (0, 2, 4) 7 0
0 (0, 256, 4)" ] || { echo "$output $stderr"; return 1; }
    once "$stderr" "On entry to SGEMM  parameter number 8"
}

@test "cuBLAS's copies: vectors and matrices there and back" {
    [ -e "$SOFT_LIBS/libcublas.so.13" ] || skip "no libcublas beside the software GPU"
    cat >copies.py <<'END'
import ctypes
from ctypes import byref, c_int64, c_uint64, c_void_p
cuda, blas = ctypes.CDLL("libcuda.so.1"), ctypes.CDLL("libcublas.so.13")
context, stream, handle, device = c_void_p(), c_void_p(), c_void_p(), c_uint64()
assert not any([cuda.cuInit(0), cuda.cuDevicePrimaryCtxRetain(byref(context), 0), cuda.cuCtxSetCurrent(context), cuda.cuStreamCreate(byref(stream), 1),
                cuda.cuMemAlloc_v2(byref(device), ctypes.c_size_t(4096)), blas.cublasCreate_v2(byref(handle))])
there, numbers = c_void_p(device.value), ctypes.c_float * 12

# Three of the numbers, two apart, lie packed on the device, and come back four apart.
def vectors(put, get, wide, *on):
    mine, back = numbers(*range(12)), numbers()
    n = (lambda x: c_int64(x)) if wide else int
    results = [put(n(3), n(4), mine, n(2), there, n(1), *on), get(n(3), n(4), there, n(1), back, n(4), *on), cuda.cuStreamSynchronize(stream)]
    return results + [int(one) for one in back]

# Two columns of three rows, four apart, lie three apart there, and come back five apart.
def matrices(put, get, wide, *on):
    mine, back = numbers(*range(12)), numbers()
    n = (lambda x: c_int64(x)) if wide else int
    results = [put(n(3), n(2), n(4), mine, n(4), there, n(3), *on), get(n(3), n(2), n(4), there, n(3), back, n(5), *on), cuda.cuStreamSynchronize(stream)]
    return results + [int(one) for one in back]

assert all(one == [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0] for one in (
    vectors(blas.cublasSetVector, blas.cublasGetVector, False), vectors(blas.cublasSetVector_64, blas.cublasGetVector_64, True),
    vectors(blas.cublasSetVectorAsync, blas.cublasGetVectorAsync, False, stream),
    vectors(blas.cublasSetVectorAsync_64, blas.cublasGetVectorAsync_64, True, stream)))
assert all(one == [0, 0, 0, 0, 1, 2, 0, 0, 4, 5, 6, 0, 0, 0, 0] for one in (
    matrices(blas.cublasSetMatrix, blas.cublasGetMatrix, False), matrices(blas.cublasSetMatrix_64, blas.cublasGetMatrix_64, True),
    matrices(blas.cublasSetMatrixAsync, blas.cublasGetMatrixAsync, False, stream),
    matrices(blas.cublasSetMatrixAsync_64, blas.cublasGetMatrixAsync_64, True, stream)))
print(blas.cublasSetVector(-1, 4, None, 1, there, 1), blas.cublasGetVector(1, 0, there, 1, None, 1), blas.cublasSetMatrix(3, 2, 4, None, 2, there, 3))
END
    run -0 --separate-stderr vgpu-run "$PYTHON" copies.py
    [ "$output" = "7 7 7" ] || { echo "$output $stderr"; return 1; }
}

@test "a library that is not beside the worker is named" {
    mkdir -p none
    ln -sf "$NULL_LIBDIR/libcuda-null.so.1" none/
    run --separate-stderr env -u LD_LIBRARY_PATH vgpu-run --driver "$PWD/none/libcuda-null.so.1" "$LIBS/cublas-calls"
    contains "$output" "cublasCreate_v2 1 "
    contains "$stderr" "libcublas: not to be had beside the GPU"
}

@test "Libraries= comes first" {
    ln -sf "$NULL_LIBDIR/libcuda-null.so.1" .
    mkdir -p site
    ln -sf "$STAGE/lib/null/libcublas.so.13" site/
    run -0 --separate-stderr env VGPU_CONF_LIBRARIES="/nonexistent:$PWD/site" VGPU_LOG_LEVEL=info \
        vgpu-run --driver "$PWD/libcuda-null.so.1" "$LIBS/cublas-calls"
    contains "$output" "cublasCreate_v2 0 "
    contains "$stderr" "$PWD/site/libcublas.so.13 is used"
}

# A description with these lines is refused with this text, at its last line.
refuses() {
    printf '%s\n' 'library libdemo 15' 'object demo_t 1' "$1" >bad.api
    run "$PYTHON" "$TOP_SRCDIR/remoting/libs/generate.py" --out . bad.api
    [ "$status" = 1 ] || { echo "accepted: $1"; return 1; }
    contains "$output" "bad.api:3: $2"
}

# bats test_tags=plain
@test "what is no description is refused with file and line" {
    refuses '1 sync demo (float *x)' "'float *x' is no parameter"
    refuses '1 sync demo (widget x)' "'widget x' is no parameter: unknown type"
    refuses '1 sync demo (scalar in void x)' "scalar 'x' is void"
    refuses '1 sync demo (in float x[n])' "'n' in the size of 'x' is no parameter"
    refuses '- sync demo ()' "a number is for what is on the wire"
    refuses '1 refuse demo' "a number is for what is on the wire"
    refuses '- refuse demo' 'a refused call needs a "reason"'
    refuses '1 async demo () fast' "unknown effect 'fast'"
    refuses '1 async demo (out demo_t x) creates widget' "creates needs a type of object"
    refuses '1 sync demo (in pointer void x[1])' "'in pointer void x[1]' is no parameter"
    refuses '1 sync demo (int x) keeps x' "keeps is for tabled libraries"
}
