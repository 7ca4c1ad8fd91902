#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The CUDA runtime straight on the software GPU: what it exports, how it is linked, what it says, and every program.
bats_require_minimum_version 1.5.0
load ../lib

setup() {
    [ -e "$PROGRAMS/vector-add-shared" ] || skip "no nvcc: the CUDA programs are not built"
    cd "$BATS_TEST_TMPDIR"
    archive=$TOP_BUILDDIR/remoting/cudart/libcudart_static.a
}

# both NAME: each link says that it passed, and both say the same. What was compiled in another way says no other name.
both() {
    local link said= name=${1%-12}
    name=${name%-per-thread}
    for link in $(links "$1"); do
        need_program "$link"
        run -0 --separate-stderr expected "$link"
        contains "${lines[-1]}" "$name: ok "
        [ "$output" = "${said:=$output}" ] || { echo "$link: $output, the other link: $said"; return 1; }
    done
}

# What the library is made of, and programs that have the archive, which with a sanitizer would need its runtime.
# bats file_tags=plain

exports() { nm -D --defined-only "$1" | awk '{print $3}' | grep '^_*cuda' | sed 's/@@*/ /' | sort; }

@test "the library exports every name of the vendor's, under its version" {
    local vendor found=0
    for runtime in "${RUNTIMES[@]}"; do
        # Nothing but names of the API.
        run bash -c "nm -D --defined-only '$runtime' | awk '\$2 != \"A\" {print \$3}' | grep -v '^_*cuda'"
        [ -z "$output" ] || { echo "exported too: $output"; false; }
        for vendor in {"$CUDA_HOME_DIR","$CUDA12_DIR"}/lib*/"${runtime##*/}"; do
            [ -e "$vendor" ] || continue
            found=1
            exports "$runtime" >ours
            exports "$vendor" >theirs
            run comm -13 ours theirs
            [ -z "$output" ] || { echo "missing in $runtime: $output"; false; }
        done
    done
    ((found)) || skip "the toolkit has no libcudart to compare with"
}

@test "the library needs the C library alone" {
    for runtime in "${RUNTIMES[@]}"; do
        run bash -c "readelf -d '$runtime' | grep NEEDED | grep -vE 'libc\.so|libdl|libpthread|ld-linux'"
        [ -z "$output" ] || { echo "$output"; false; }
    done
}

@test "the archive defines the API and nothing else, and links into a program in C" {
    run bash -c "nm -g --defined-only '$archive' | awk 'NF == 3 {print \$3}' | grep -v '^_*cuda'"
    [ -z "$output" ] || { echo "defined too: $output"; false; }
    cat >program.c <<'END'
#include <cuda_runtime_api.h>
#include <stdio.h>
int main(void)
{
    int count = -1;
    cudaError_t error = cudaGetDeviceCount(&count);
    printf("%d %s, then %s\n", count, cudaGetErrorName(error), cudaGetErrorName(cudaGetLastError()));
    return 0;
}
END
    ${CC:-gcc} -I"$CUDA_HOME_DIR/include" program.c "$archive" -ldl -lpthread -o program
    run straight ./program
    [ "$output" = "1 cudaSuccess, then cudaSuccess" ]
    # Without a driver: the right code, and one line that says why.
    LD_LIBRARY_PATH= run ./program
    contains "$output" "0 cudaErrorInsufficientDriver, then cudaErrorInsufficientDriver"
    contains "$output" "slurm-vgpu: warning: no CUDA driver: libcuda.so.1"
}

@test "a call that is not supported says so, once, and answers so" {
    cat >program.c <<'END'
#include <cuda_runtime_api.h>
#include <stdio.h>
int main(void)
{
    int first = cudaDestroyExternalMemory(0), second = cudaDestroyExternalMemory(0);
    printf("%d %d\n", first, second);
    return 0;
}
END
    ${CC:-gcc} -I"$CUDA_HOME_DIR/include" program.c "$archive" -ldl -lpthread -o program
    run ./program
    contains "$output" "801 801"
    [ "$(grep -c 'cudaDestroyExternalMemory is not supported' <<<"$output")" = 1 ]
}

# reason STUB: why the runtime refuses it, if the driver API does so too or has nothing like it.
reason() {
    local call
    case $1 in
    cudaDeviceFlushGPUDirectRDMAWrites) call=cuFlushGPUDirectRDMAWrites ;;
    cudaGetDeviceProperties) echo "the structure of CUDA 11, which no header of 12 declares" && return ;;
    __cudaGetProcAddress | __cudaRegisterUnifiedTable) echo "in no header, and called by no code of nvcc 12 or 13" && return ;;
    *GL* | *Egl* | *VDPAU*) echo "graphics are of a device of the same machine" && return ;;
    *) call=${1/#cuda/cu} ;;
    esac
    sed -nE "s/^[0-9]+ refuse $call(_v[0-9]+)? \"(.*)\"/$call: \\2/p" "$TOP_SRCDIR/remoting/api/cuda.api" | head -n 1 | grep .
}

@test "what the runtime refuses, the driver refuses too" {
    local runtime stub why bad=0
    local -A list
    for runtime in "${RUNTIMES[@]}"; do
        for stub in $(nm -D "$runtime" | sed -nE 's/.* W ([A-Za-z0-9_]+).*/\1/p'); do
            if why=$(reason "$(sed -E 's/_pt[sd][sz]$//; s/_v2$//' <<<"$stub")"); then
                list[${why#cu*: }]+=" $stub"
            else
                echo "${runtime##*/}: $stub only refuses, though the driver has it" && bad=1
            fi
        done
        for why in "${!list[@]}"; do
            echo "# ${runtime##*/} refuses, since $why:${list[$why]}" >&3
        done
        list=()
    done
    [ "$bad" = 0 ]
}

@test "a program that makes no CUDA call opens nothing and starts no thread" {
    cat >program.cu <<'END'
#include <cstdio>
#include <cstdlib>
__global__ void never() {}
int main(int argc, char **)
{
    if (argc > 99)
        never<<<1, 1>>>();
    return std::system("ls /proc/$PPID/fd | wc -l; ls /proc/$PPID/task | wc -l; grep -c libcuda.so /proc/$PPID/maps");
}
END
    "$NVCC" -gencode arch=compute_75,code=compute_75 -L"$(dirname "$archive")" program.cu -o program
    straight ./program 3>&- 4>&- >before || true
    sed -n 2,3p before | paste -sd' ' - | grep -qx '1 0'
    # Descriptors: as many as any program of this shell has.
    printf '#include <cstdlib>\nint main() { return std::system("ls /proc/$PPID/fd | wc -l"); }\n' >plain.cc
    ${CXX:-g++} plain.cc -o plain
    [ "$(./plain 3>&- 4>&-)" = "$(sed -n 1p before)" ]
}

# bats file_tags=

@test "vector addition" { both vector-add; }
@test "matrix product by tiles" { both matmul-tiled; }
@test "reduction by shuffles" { both reduce-shuffle; }
@test "histogram by atomics" { both histogram; }
@test "streams and events" { both streams-overlap; }
@test "constant memory and symbols" { both constant-memory; }
@test "copies with pitch" { both copy-2d; }
@test "copies of ordinary memory, by several threads" { both pageable-copies; }
@test "large copies behind a kernel" { both copy-behind-kernel; }
@test "ten thousand launches" { both jacobi; }
@test "printf on the device" { both device-printf; }
@test "what device code may do" { both device-features; }
@test "tensor cores" { both tensor-cores; }
@test "Thrust" { both thrust-sort; }
@test "error codes" { both error-codes; }
@test "the code of each call" { both call-codes; }
@test "a large array of the device" { both device-array; }
@test "graphs" { both graphs; }
@test "textures and surfaces" { both textures; }
@test "texture filtering and addressing" { both texture-filtering; }
@test "managed memory" { both managed; }
@test "memory up to the limit" { VGPU_SOFT_MEMORY=1G both memory-quota; }
@test "the driver API with PTX" { both driver-ptx; }
@test "NVRTC" { both nvrtc; }
@test "two majors of the runtime in one process" { both majors; }
@test "MPI ranks" { need mpirun && both mpi-ranks; }

@test "two devices" {
    both two-devices
    VGPU_SOFT_DEVICES=1 run straight "$PROGRAMS/two-devices-static"
    [ "$status" = 77 ]
}

@test "there are a hundred programs" {
    local programs=("$PROGRAMS"/*-shared $(driver_programs))
    [ "${#programs[@]}" -ge 100 ] || { echo "${#programs[@]} programs"; return 1; }
}

@test "every other program" {
    local name
    for name in $(others both); do
        both "$name"
    done
}
