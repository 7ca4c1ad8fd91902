# SPDX-License-Identifier: Apache-2.0
# Building the tree for quickstart and check; what is up to date is left alone. To be sourced after progress.bash; $tree
# is the source tree, $logs where logs go.

# configure has to be made, or is older than what it is made from.
needs_autoreconf() {
    [[ -x $tree/configure && -e $tree/Makefile.in ]] || return 0
    [[ -n $(find "$tree" -path "$tree/build*" -prune -o \( -name configure.ac -o -path "$tree/m4/vgpu.m4" \) \
        -newer "$tree/configure" -print -quit) ]]
}

make_configure() {
    needs_autoreconf || return 0
    logged "$logs/autoreconf.log" "autoreconf" autoreconf --install "$tree"
}

# configured DIR ARGUMENTS...: configures DIR unless that was done with just these arguments.
configured() {
    local dir=$1
    shift
    mkdir -p "$dir"
    [[ $(cat "$dir/.arguments" 2>/dev/null) != "$*" || ! -e $dir/Makefile || $tree/configure -nt $dir/config.status ]] || return 0
    rm -f "$dir/.arguments"
    (cd "$dir" && logged "$logs/configure-${dir##*/}.log" "configure ${dir##*/}: $*" "$tree/configure" "$@") || return
    sed -n '/^slurm-vgpu .* will be built with/,$p' "$logs/configure-${dir##*/}.log"
    echo "$*" >"$dir/.arguments"
}

# Without what debuggers need, which takes a fifth of the time.
# shellcheck disable=SC2034
optimised=(CFLAGS=-O2 CXXFLAGS=-O2)

# compilers [C C++]: as arguments of configure. A compiler cache, where there is one, makes the next build a matter of seconds.
compilers() {
    local cache=
    ! command -v ccache >/dev/null || cache='ccache '
    printf '%s\n' "CC=$cache${1:-gcc}" "CXX=$cache${2:-g++}"
}
