#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# remoting/api/generate.py: what it writes, byte for byte, and what it refuses, with file and line.

setup() {
    api=$TOP_SRCDIR/remoting/api
    golden=$TOP_SRCDIR/tests/golden
    export PYTHONDONTWRITEBYTECODE=1
    cd "$BATS_TEST_TMPDIR"
}

generate() {
    "${PYTHON:-python3}" "$api/generate.py" --preprocessed "$golden/demo-header.txt" --header "$golden/demo-cuda.h" "$@"
}

# A description with these lines is refused with this text, at its second line.
refuses() {
    printf '%s\n' '# bad' "$1" >bad.api
    run generate --out . bad.api
    [ "$status" -eq 1 ] || { echo "accepted: $1"; return 1; }
    [ "${output#bad.api:2: *$2}" != "$output" ] || { echo "said: $output"; return 1; }
    [ ! -e calls.h ]
}

@test "writes what is expected" {
    generate --out . "$golden/demo.api"
    for file in "$golden"/expected/*; do
        diff -u "$file" "$(basename "$file")"
    done
}

@test "says which tests name a call, if it is told where they are" {
    mkdir -p top/tests/cuda top/remoting/wire
    echo 'cuMemAlloc_v2(&a, 1); cudaStreamCreate(&s);' >top/tests/cuda/some.cu
    echo 'cuMemAlloc(&a, 1); cuMemAllocation(1);' >top/remoting/wire/other-test.cc
    generate --out . --tests top "$golden/demo.api"
    grep -qx '.It Fn cuMemAlloc_v2 Ta awaited Ta some, other-test' coverage.man
    grep -qx '.It Fn cuStreamCreate Ta posted Ta some' coverage.man
    grep -qx '.It Fn cuInit Ta at home Ta -' coverage.man
}

@test "leaves files alone that would not change" {
    generate --out . "$golden/demo.api"
    touch -d '2001-01-01' calls.h
    generate --out . "$golden/demo.api"
    [ "$(date -r calls.h +%Y)" = 2001 ]
}

@test "the hash follows what is on the wire, not who writes what" {
    hash() { generate --out . demo.api && grep -o '0x[0-9a-f]*' calls.h; }
    cp "$golden/demo.api" demo.api
    before=$(hash)
    sed -i 's/ shadowed served//; s/cannot be shared yet/cannot be shared/' demo.api
    [ "$(hash)" = "$before" ]
    sed -i 's/size_t bytesize/u32 bytesize/' demo.api
    [ "$(hash)" != "$before" ]
}

@test "refuses what is no line" {
    refuses '256 sync' 'expected NUMBER CLASS NAME'
    refuses 'sync cuFoo ()' 'expected NUMBER CLASS NAME'
    refuses '256 sync cuFoo (int a' 'needs its parameters'
}

@test "refuses an unknown class" {
    refuses '256 maybe cuFoo ()' "unknown class 'maybe'"
}

@test "refuses numbers out of range" {
    refuses '12 sync cuFoo ()' 'not within 256'
    refuses '256 sync vgpuFoo ()' 'not within 1..255'
    refuses '65536 sync cuFoo ()' 'not within'
}

@test "refuses numbers and names that are taken" {
    printf '256 sync cuFoo ()\n256 sync cuBar ()\n' >twice.api
    run generate --out . twice.api
    [ "$status" -eq 1 ]
    [ "$output" = "twice.api:2: number 256 is taken by cuFoo: numbers are never used again" ]
    printf '256 sync cuFoo ()\n257 sync cuFoo ()\n' >twice.api
    run generate --out . twice.api
    [ "$status" -eq 1 ]
    [ "$output" = "twice.api:2: cuFoo is there already: twice.api:1" ]
}

@test "refuses pointers that say nothing" {
    refuses '256 sync cuFoo (void data)' "'data' is unannotated"
    refuses '256 sync cuFoo (int values[n], int n)' "'values' is unannotated"
    refuses '256 sync cuFoo (int? value)' "'value' is unannotated"
    refuses '256 sync cuFoo (in void data)' "'data' is unannotated"
    refuses '256 sync cuFoo (out string name)' 'needs the size of its buffer'
}

@test "refuses C code" {
    refuses '256 sync cuFoo (int *value)' 'is C code'
    refuses '256 sync cuFoo (const int value)' 'is C code'
    refuses '256 sync cuFoo (unsigned value)' 'is C code'
    refuses '256 sync cuFoo (int value = 3)' 'is C code'
    refuses '256 sync cuFoo (int a; int b)' 'is C code'
}

@test "refuses unknown types and parameters that are none" {
    refuses '256 sync cuFoo (long value)' "unknown type 'long'"
    refuses '256 sync cuFoo (int)' 'is no parameter'
    refuses '256 sync cuFoo (in out int a)' 'is no parameter'
    refuses '256 sync cuFoo (int a, int a)' "'a' is there twice"
}

@test "refuses counts that cannot be" {
    refuses '256 sync cuFoo (in int values[n])' "unknown count 'n'"
    refuses '256 sync cuFoo (in int values[n], out int n)' 'must be a number passed by value'
    refuses '256 sync cuFoo (in int values[s], CUstream s)' 'must be a number passed by value'
    refuses '256 sync cuFoo (inout int values[n], int n)' 'inout is for one value'
}

@test "refuses effects that do not fit" {
    refuses '256 sync cuFoo (out CUstream stream)' "needs 'creates stream'"
    refuses '256 sync cuFoo (int a) creates stream' 'no out parameter'
    refuses '256 sync cuFoo (int a) destroys stream' 'no parameter by value'
    refuses '256 sync cuFoo () creates' 'needs a kind'
    refuses '256 sync cuFoo () creates thing' 'needs a kind'
    refuses '256 sync cuFoo () quickly' "unknown effect 'quickly'"
    refuses '256 sync cuFoo () int main() {}' 'no effects'
    refuses '256 async cuFoo () waits' 'only a sync call'
    refuses '256 local cuFoo shadowed' 'only for sync and async'
    refuses '256 local cuFoo forwards' 'names the call that does its work'
    refuses '256 sync cuFoo () forwards cuBar' 'a local call names'
    refuses '256 local cuFoo forwards cuBar' 'which is in no line'
}

@test "refuses a refusal without a reason, and a reason without one" {
    refuses '256 refuse cuFoo' 'needs a "reason"'
    refuses '256 sync cuFoo () "because"' 'only a refused call'
}

@test "refuses a sync call without parameters in parentheses" {
    refuses '256 sync cuFoo' 'needs its parameters'
}

@test "every function of cuda.h is in a line" {
    header=$CUDA_HOME_DIR/include/cuda.h
    printf '%s\n' '#include <cuda.h>' | ${CXX:-g++} -x c++ -E -P -D__CUDA_API_VERSION_INTERNAL -isystem "$CUDA_HOME_DIR/include" -o all.txt -
    "${PYTHON:-python3}" "$api/generate.py" --check --preprocessed all.txt --header "$header" "$api/session.api" "$api/cuda.api"
}

@test "few functions of cuda.h are refused" {
    cd "$api"
    run -0 "${PYTHON:-python3}" -c '
import spec
print(sum(call.cls == "refuse" for call in spec.parse(["cuda.api"])))'
    [ "$output" -ge 10 ] && [ "$output" -le 60 ] || { echo "$output"; false; }
}

@test "every function that is carried is named by a test" {
    cd "$api"
    run "${PYTHON:-python3}" -c '
import sys, spec, tested
calls = spec.parse(["cuda.api"])
tested.note(calls, sys.argv[1])
print(*[call.name for call in calls if call.cls != "refuse" and not call.tested])' "$TOP_SRCDIR"
    [ "$status$output" = 0 ] || { echo "no test names: $output"; return 1; }
}

@test "every function of a library that is carried is called by a test" {
    run "${PYTHON:-python3}" -c '
import pathlib, sys
sys.path += [sys.argv[1] + "/remoting/api", sys.argv[1] + "/remoting/libs"]
import library, tested
for api in sorted(pathlib.Path(sys.argv[1]).glob("remoting/libs/*.api")):
    calls = library.load(api).calls
    tested.note_library(calls, sys.argv[1])
    print(*(call.name for call in calls if call.cls != "refuse" and not call.tested), end="")' "$TOP_SRCDIR"
    [ "$status$output" = 0 ] || { echo "no test calls: $output"; return 1; }
}

@test "what calls a library is no comment, declaration or wrong call" {
    mkdir -p top/tests/cuda
    cat >top/tests/cuda/fft.cu <<'END'
extern "C" {
int cufftDeclared(int);
int cufftCalled(int);
}
// cufftCommented(1);
int main() { return cufftCalled(1); }
END
    printf 'int main() { return cufftWrong(1); }\n' >top/tests/cuda/wrong-memory.cc
    printf '%s\n' '# cufftCommented' "cat >wrong.py <<'END'" 'fft.cufftWrong(1)' END "cat >right.py <<'END'" 'fft.cufftAsked(1)' END >top/tests/some.bats
    run "${PYTHON:-python3}" -c '
import sys
sys.path += [sys.argv[1] + "/remoting/api", sys.argv[1] + "/remoting/libs"]
import library, tested
calls = [library.Call("", 0, cls, "cufft" + name) for cls, name in
         (("local", "Declared"), ("local", "Called"), ("local", "Commented"), ("local", "Wrong"), ("sync", "Asked"), ("sync", "Other"))]
tested.note_library(calls, "top")
for call in calls:
    print(call.name[5:], *call.tested)' "$TOP_SRCDIR"
    [ "$output" = "Declared
Called fft
Commented
Wrong
Asked record some.bats
Other record" ] || { echo "$output"; return 1; }
}

# Calls that are made wrongly are those of the walks, and those that must fail with a code. What takes nothing is called
# without a context.
@test "every function that is carried is made wrongly by a test" {
    cd "$api"
    run "${PYTHON:-python3}" -c '
import pathlib, re, sys, spec, tested
wrongly = re.compile(r"\b(?:FAILS|WALK|WALK_BUT|REFUSE|REFUSED|REFUSED_NULL|shown)\s*\((.*?);", re.S)
made = set()
for path in pathlib.Path(sys.argv[1]).glob("tests/cuda/*.c[cu]"):
    text = tested.COMMENT.sub("", path.read_text(encoding="utf-8"))
    made.update(*(map(tested.base, tested.NAME.findall(line)) for line in ([text] if path.name.startswith("wrong-") else wrongly.findall(text))))
carried = {tested.base(call.name[2:]) for call in spec.parse(["cuda.api"]) if call.cls != "refuse"}
print(*sorted(carried - made))' "$TOP_SRCDIR"
    [ "$status$output" = 0 ] || { echo "no test makes it wrongly: $output"; return 1; }
}

@test "a function that is in no line is found" {
    printf 'CUresult cuBrandNew(int a);\nCUresult cuBrandNew_ptsz(int a);\n' >all.txt
    echo '256 local cuOther' >some.api
    check() { "${PYTHON:-python3}" "$api/generate.py" --check --preprocessed all.txt --header "$1" some.api; }
    run check "$golden/demo-cuda.h"
    [ "$status" -eq 1 ]
    [ "$output" = "cuda.h (13000): cuBrandNew is in no line of cuda.api" ]
    # A toolkit newer than the description is told of, but is no mistake.
    echo '#define CUDA_VERSION 13010' >newer.h
    run check newer.h
    [ "$status" -eq 0 ]
    [ "$output" = "cuda.h (13010): cuBrandNew is in no line of cuda.api" ]
}

@test "a header without functions is refused" {
    echo 'int nothing;' >empty.txt
    run "${PYTHON:-python3}" "$api/generate.py" --preprocessed empty.txt --header "$golden/demo-cuda.h" --out . "$golden/demo.api"
    [ "$status" -eq 1 ]
    [ "$output" = "empty.txt: no function of the driver API in it" ]
}
