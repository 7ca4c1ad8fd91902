#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The layers of HACKING.md look downward only, and every header stands alone.

load lib

setup() {
    cd "$TOP_SRCDIR"
}

# includes FOLDER... prints "file:line: include" of every project include in the folders.
includes() {
    grep -rnE '^#include "(remoting|daemon|softgpu|nulldriver|bench|spank-plugin|gres-plugin)/' --include='*.h' --include='*.cc' --include='*.c' "$@" || true
}

# may FOLDER ALLOWED-REGEX: the folder includes nothing of the project but what the regex allows.
may() {
    local bad
    bad=$(includes "$1" | grep -vE "#include \"($2)/" || true)
    [ -z "$bad" ] || { echo "$1 may include only $2:"; echo "$bad"; return 1; }
}

@test "base includes nothing above it" { may remoting/base 'remoting/base'; }
@test "wire stands on base" { may remoting/wire 'remoting/(base|wire)'; }
@test "api stands on wire" { may remoting/api 'remoting/(base|wire|api)'; }
@test "client never meets server" { may remoting/client 'remoting/(base|wire|api|client)'; }
@test "nvml stands on wire" { may remoting/nvml 'remoting/(base|wire|nvml)'; }
@test "image stands on base" { may remoting/image 'remoting/(base|image)'; }
@test "server never meets client" { may remoting/server 'remoting/(base|image|wire|api|server)'; }
@test "libs stands on api, wire and base" { may remoting/libs 'remoting/(base|wire|api|libs)|nulldriver'; }
@test "cudart stands on the public driver API" { may remoting/cudart 'remoting/(base|cudart)'; }
@test "the software GPU stands on image and base" { may softgpu 'remoting/(base|image)|softgpu/(ptx|driver)'; }
@test "the null driver stands on image, base and the PTX reader" { may nulldriver 'remoting/(base|image)|softgpu/ptx|nulldriver'; }
@test "the benchmark stands on the public APIs, wire and base" { may bench 'bench|remoting/(wire|base)'; }
@test "the daemons stand on server, wire and base" { may daemon 'remoting/(base|wire|server|api|nvml)|daemon/(common|vgpud|vgpuctld|vgpustepd|tools)'; }
@test "the plugins stand on daemon/common, wire and base" {
    may spank-plugin 'remoting/(base|wire)|daemon/common|spank-plugin|gres-plugin'
    may gres-plugin 'gres-plugin'
}

@test "cuda.h only in api, client, cudart, libs, server, softgpu, nulldriver, bench and the tests' programs" {
    run grep -rlE '#include <(cuda|cuda_runtime[a-z_]*|driver_types)\.h>' --include='*.h' --include='*.cc' --include='*.c' remoting/base remoting/wire daemon gres-plugin spank-plugin
    [ -z "$output" ] || { echo "$output"; return 1; }
}

@test "Slurm's headers only in the plugins" {
    run grep -rlE '#include <slurm/' --include='*.h' --include='*.cc' --include='*.c' remoting softgpu daemon
    [ -z "$output" ] || { echo "$output"; return 1; }
}

@test "every source file starts with its licence" {
    local file bad=
    while read -r file; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || bad+="$file"$'\n'
    done < <(find remoting softgpu nulldriver bench daemon gres-plugin spank-plugin contrib tests -type f \
        \( -name '*.h' -o -name '*.cc' -o -name '*.c' -o -name '*.cu' -o -name '*.py' -o -name '*.bats' -o -name 'local.mk' -o -name '*.api' \) -not -path '*/golden/*')
    [ -z "$bad" ] || { echo "without SPDX line: $bad"; return 1; }
}

@test "every header compiles alone" {
    local header bad=
    while read -r header; do
        # shellcheck disable=SC2086
        $CXX -std=c++20 -fsyntax-only -x c++ -I. -I"$TOP_BUILDDIR" -I"$TOP_BUILDDIR/remoting/api" -isystem "$CUDA_HOME_DIR/include" \
            -DFMT_HEADER_ONLY -DSPDLOG_FMT_EXTERNAL -DMSGPACK_NO_BOOST -DVGPU_ISA=baseline "$header" 2>/dev/null || bad+="$header "
    done < <(find remoting softgpu nulldriver bench daemon spank-plugin -name '*.h')
    [ -z "$bad" ] || { echo "not self-contained: $bad"; return 1; }
}

@test "the README has no placeholder" {
    run grep -nE '^@[A-Z_]+@$' README.md
    [ "$status" = 1 ]
}
