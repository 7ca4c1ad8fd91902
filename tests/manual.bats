#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Nothing that can be set is left out of the manual: options of programs and of Slurm's commands, keys of vgpu.conf,
# environment variables. And --help and the manual say the same, since both come from one table.

load lib

setup() { PAGES=$TOP_BUILDDIR/man; }

# options PROGRAM [WORD...]: every option in its --help, one a line.
options() { "$TOP_BUILDDIR/$1" "${@:2}" --help | grep -oE '^ +(-[A-Za-z],)?--?[A-Za-z][A-Za-z-]*' | tr -d ' ' | tr , '\n'; }

# documented PAGE ITEM: ".It" lines of the page have it; hyphens are \- there.
documented() { sed -n 's/\\-/-/g; s/^\.It //p' "$PAGES/$1" | grep -qE "(^| )$2( |\$)"; }

@test "every option of a program is in its manual page" {
    local page program option found missing=
    for page in vgpu-run.1 vgpu-smi.1 vgpuctl.1 vgpud.8 vgpuctld.8; do
        program=${page%.*} found=0
        for option in $(options "$program"; [ "$program" != vgpuctl ] || { options vgpuctl show; options vgpuctl release; }); do
            found=$((found + 1))
            # The daemons take every key of vgpu.conf as an option.
            documented "$page" "Fl ${option#-}" || documented "$page" ", ${option#-}" ||
                sed 's/\\-/-/g' "$PAGES/vgpu.conf.5" | grep -qxF ".Fl ${option#-} ." || missing+="$program $option "
        done
        [ "$found" -ge 4 ] || { echo "only $found options in $program --help"; return 1; }
    done
    [ -z "$missing" ] || { echo "in no manual page: $missing"; return 1; }
}

@test "every variable that the sources name is in a manual page" {
    local name missing= names
    names=$(cd "$TOP_SRCDIR" && grep -rhoE '"VGPU_[A-Z_]+"' --include='*.cc' --include='*.c' --include='*.h' \
        --exclude='*-test.cc' --exclude='test-*' remoting softgpu nulldriver daemon spank-plugin gres-plugin | tr -d '"' | sort -u)
    [ "$(wc -w <<<"$names")" -gt 20 ]
    for name in $names; do
        grep -qE "^\.(It )?Ev (.* )?$name( |\$)" "$PAGES"/* || missing+="$name "
    done
    [ -z "$missing" ] || { echo "in no manual page: $missing"; return 1; }
}

@test "every option that Slurm's commands get is in spank_vgpu(8)" {
    local name names
    names=$(sed -n 's/.*nullptr, "--\(vgpu-[a-z]*\)".*/\1/p' "$TOP_SRCDIR/spank-plugin/option-table.cc")
    [ "$(wc -w <<<"$names")" -ge 3 ]
    for name in $names; do
        documented spank_vgpu.8 "Fl -$name" || { echo "$name"; return 1; }
    done
}

@test "nothing but the tables makes an option" {
    run grep -rnE 'add_option\("|add_flag\("|set_version_flag\("|getenv\("VGPU_' --include='*.cc' --include='*.h' \
        --exclude='*-test.cc' --exclude='test-*' "$TOP_SRCDIR/daemon" "$TOP_SRCDIR/spank-plugin" "$TOP_SRCDIR/remoting/base" \
        "$TOP_SRCDIR/remoting/wire" "$TOP_SRCDIR/remoting/client" "$TOP_SRCDIR/remoting/server"
    # Words behind vgpuctl's commands are no options.
    run grep -vE 'daemon/tools/vgpuctl.cc:[0-9]+:.*add_option\("(kind|lease)"' <<<"$output"
    [ -z "$output" ] || { echo "$output"; return 1; }
}

@test "the pages are well-formed" {
    need mandoc
    local page
    for page in "$PAGES"/*.[1578]; do
        run mandoc -T lint -W error "$page"
        [ "$status" = 0 ] || { echo "$output"; return 1; }
    done
}
