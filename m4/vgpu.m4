dnl SPDX-License-Identifier: Apache-2.0
dnl What configure looks for, and what it says at its end.

AC_DEFUN([VGPU_COMPILER], [
  AC_LANG_PUSH([C++])
  vgpu_save_CXXFLAGS=$CXXFLAGS
  CXXFLAGS="$CXXFLAGS -std=c++20"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <span>
    #include <concepts>]], [[std::span<int> s; return (int) s.size();]])], [],
    [AC_MSG_ERROR([$CXX does not compile C++20: use g++ 12 or clang++ 14 and newer])])
  CXXFLAGS=$vgpu_save_CXXFLAGS
  dnl gcc's names for what clang does at -O2 anyway.
  VGPU_LOOP_CXXFLAGS="-fvect-cost-model=dynamic -fpeel-loops -funswitch-loops"
  AC_MSG_CHECKING([whether $CXX takes $VGPU_LOOP_CXXFLAGS])
  CXXFLAGS="$vgpu_save_CXXFLAGS -Werror $VGPU_LOOP_CXXFLAGS"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[]], [[]])], [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no]); VGPU_LOOP_CXXFLAGS=])
  AC_SUBST([VGPU_LOOP_CXXFLAGS])
  CXXFLAGS=$vgpu_save_CXXFLAGS
  AC_LANG_POP
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [make warnings errors])], [], [enable_werror=no])
  VGPU_WARNINGS="-Wall -Wextra -Wno-missing-field-initializers"
  AS_IF([test "x$enable_werror" = xyes], [VGPU_WARNINGS="$VGPU_WARNINGS -Werror"])
  AC_SUBST([VGPU_WARNINGS])
])

AC_DEFUN([VGPU_SANITIZERS], [
  VGPU_SANITIZE=
  AC_ARG_ENABLE([asan], [AS_HELP_STRING([--enable-asan], [build the unit tests with the address and undefined-behaviour sanitizers])])
  AC_ARG_ENABLE([tsan], [AS_HELP_STRING([--enable-tsan], [build the unit tests with the thread sanitizer])])
  AC_ARG_ENABLE([fuzzers], [AS_HELP_STRING([--enable-fuzzers], [build the libFuzzer programs, which `make check-fuzzers` runs (needs clang)])])
  AS_IF([test "x$enable_asan" = xyes], [
    # The enumerations of cuda.h are C's: a program may hand over any number, which is read to be refused. gcc gives them
    # all of their type's numbers (it has -fstrict-enums for those who do not want that).
    VGPU_SANITIZE="-fsanitize=address,undefined -fno-sanitize=enum -fno-sanitize-recover=undefined -fno-omit-frame-pointer"])
  AS_IF([test "x$enable_tsan" = xyes], [
    AS_IF([test "x$enable_asan" = xyes], [AC_MSG_ERROR([--enable-asan and --enable-tsan exclude each other])])
    VGPU_SANITIZE="-fsanitize=thread -Wno-tsan -fno-omit-frame-pointer"])
  AS_IF([test "x$enable_fuzzers" = xyes], [
    AS_IF([test -n "$VGPU_SANITIZE"], [AC_MSG_ERROR([--enable-fuzzers brings its own sanitizers: give it alone])])
    dnl All of it is instrumented, so that the fuzzer sees which way an input went.
    VGPU_SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -fsanitize=fuzzer-no-link -Wno-pass-failed"
    AC_LANG_PUSH([C++])
    AC_MSG_CHECKING([whether $CXX links libFuzzer])
    vgpu_save_CXXFLAGS=$CXXFLAGS
    CXXFLAGS="$CXXFLAGS -fsanitize=fuzzer,address"
    AC_LINK_IFELSE([AC_LANG_SOURCE([[extern "C" int LLVMFuzzerTestOneInput(const unsigned char *, decltype(sizeof 0)) { return 0; }]])],
      [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])
       AC_MSG_ERROR([--enable-fuzzers needs clang with its runtime (Debian: clang libclang-rt-dev): configure with CC=clang CXX=clang++])])
    CXXFLAGS=$vgpu_save_CXXFLAGS
    AC_LANG_POP])
  AC_SUBST([VGPU_SANITIZE])
  AM_CONDITIONAL([SANITIZED], [test -n "$VGPU_SANITIZE"])
  AM_CONDITIONAL([FUZZERS], [test "x$enable_fuzzers" = xyes])
])

dnl The libraries the daemons cannot do without; each is named with its Debian package.
AC_DEFUN([VGPU_LIBRARIES], [
  PKG_CHECK_MODULES([UV], [libuv >= 1.40], [], [AC_MSG_ERROR([libuv not found (Debian: libuv1-dev); contrib/deps installs it])])
  PKG_CHECK_MODULES([HWLOC], [hwloc >= 2.4], [], [AC_MSG_ERROR([hwloc not found (Debian: libhwloc-dev); contrib/deps installs it])])
  PKG_CHECK_MODULES([SODIUM], [libsodium], [], [AC_MSG_ERROR([libsodium not found (Debian: libsodium-dev); contrib/deps installs it])])
  PKG_CHECK_MODULES([SQLITE], [sqlite3], [], [AC_MSG_ERROR([SQLite not found (Debian: libsqlite3-dev); contrib/deps installs it])])
  PKG_CHECK_MODULES([ZSTD], [libzstd], [], [AC_MSG_ERROR([zstd not found (Debian: libzstd-dev); contrib/deps installs it])])
  PKG_CHECK_MODULES([LZ4], [liblz4], [], [AC_MSG_ERROR([lz4 not found (Debian: liblz4-dev); contrib/deps installs it])])
  PKG_CHECK_MODULES([MUNGE], [munge], [], [AC_MSG_ERROR([MUNGE not found (Debian: libmunge-dev); contrib/deps installs it])])
  AC_MSG_CHECKING([whether libsodium.a can be linked])
  vgpu_save_LIBS=$LIBS
  LIBS="$LIBS -l:libsodium.a -lpthread"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[int sodium_init(void);]], [[return sodium_init();]])], [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no]); AC_MSG_ERROR([libsodium.a not found: the wrapper libraries link it statically (Debian: libsodium-dev, Fedora: libsodium-static)])])
  AC_MSG_CHECKING([whether liblz4.a can be linked])
  LIBS="$vgpu_save_LIBS -l:liblz4.a"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[int LZ4_versionNumber(void);]], [[return LZ4_versionNumber();]])], [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no]); AC_MSG_ERROR([liblz4.a not found: the wrapper libraries link it statically (Debian: liblz4-dev, Fedora: lz4-static)])])
  LIBS=$vgpu_save_LIBS
  AC_LANG_PUSH([C++])
  AC_CHECK_HEADERS([msgpack.hpp], [], [AC_MSG_ERROR([msgpack-c not found (Debian: libmsgpack-cxx-dev); contrib/deps installs it])], [[#define MSGPACK_NO_BOOST 1]])
  AC_CHECK_HEADERS([CLI/CLI.hpp], [], [AC_MSG_ERROR([CLI11 not found (Debian: libcli11-dev); contrib/deps installs it])])
  vgpu_save_CPPFLAGS=$CPPFLAGS
  CPPFLAGS="$CPPFLAGS -DFMT_HEADER_ONLY -DSPDLOG_FMT_EXTERNAL"
  AC_CHECK_HEADERS([fmt/format.h spdlog/spdlog.h], [], [AC_MSG_ERROR([fmt or spdlog not found (Debian: libfmt-dev libspdlog-dev); contrib/deps installs them])])
  AC_CHECK_HEADERS([gtest/gtest.h], [have_gtest=yes], [have_gtest=no])
  AC_CHECK_HEADERS([mpfr.h], [have_mpfr=yes], [have_mpfr=no])
  CPPFLAGS=$vgpu_save_CPPFLAGS
  AC_LANG_POP
  # OpenBLAS and no other: cblas.h alone tells nothing of whose it is.
  PKG_CHECK_MODULES([OPENBLAS], [openblas], [OPENBLAS=yes], [OPENBLAS=])
  AC_SUBST([OPENBLAS])
  PKG_CHECK_MODULES([FFTW], [fftw3 fftw3f], [FFTW=yes], [FFTW=])
  AC_SUBST([FFTW])
  AM_CONDITIONAL([HAVE_FFTW], [test -n "$FFTW"])
  AM_CONDITIONAL([HAVE_OPENBLAS], [test -n "$OPENBLAS"])
  AM_CONDITIONAL([HAVE_MPFR], [test "x$have_mpfr" = xyes])
  AM_CONDITIONAL([HAVE_GTEST], [test "x$have_gtest" = xyes])
  AC_PATH_PROG([BATS], [bats])
  AM_CONDITIONAL([HAVE_BATS], [test -n "$BATS"])
  AC_PATH_PROG([MPICC], [mpicc])
])

dnl CUDA headers (toolkit 12.4 or later, or 13) are needed; nvcc only for the tests' programs. --with-cuda=DIR, $CUDA_HOME, nvcc's own
dnl folder, /usr/local/cuda, then the wheels that contrib/deps unpacks below the source tree.
AC_DEFUN([VGPU_CUDA], [
  AC_ARG_WITH([cuda], [AS_HELP_STRING([--with-cuda=DIR], [CUDA toolkit 12 or 13 (headers; nvcc for the tests)])], [], [with_cuda=])
  AC_PATH_PROG([NVCC_ON_PATH], [nvcc])
  AS_IF([test -n "$NVCC_ON_PATH"], [vgpu_nvcc_home=`dirname "$NVCC_ON_PATH"`/..], [vgpu_nvcc_home=])
  vgpu_src=`cd "$srcdir" && pwd`
  AC_MSG_CHECKING([for the CUDA toolkit])
  CUDA_HOME_DIR=
  for vgpu_dir in "$with_cuda" "$CUDA_HOME" "$vgpu_nvcc_home" /usr/local/cuda "$vgpu_src/.deps-cuda"; do
    AS_IF([test -z "$CUDA_HOME_DIR" && test -n "$vgpu_dir" && test -f "$vgpu_dir/include/cuda.h"],
          [CUDA_HOME_DIR=`cd "$vgpu_dir" && pwd`])
  done
  AS_IF([test -z "$CUDA_HOME_DIR"], [AC_MSG_ERROR([no cuda.h: give --with-cuda=DIR, or run contrib/deps, which gets the toolkit's parts as Python wheels])])
  CUDA_VERSION=`$SED -n 's/^#define CUDA_VERSION *//p' "$CUDA_HOME_DIR/include/cuda.h"`
  CUDA_MAJOR=`expr "$CUDA_VERSION" / 1000`
  AC_MSG_RESULT([$CUDA_HOME_DIR ($CUDA_VERSION)])
  AS_CASE([$CUDA_MAJOR], [12|13], [], [AC_MSG_ERROR([CUDA $CUDA_VERSION is not supported: toolkit 12 or 13 is needed])])
  AS_IF([test "$CUDA_VERSION" -lt 12040], [AC_MSG_ERROR([CUDA $CUDA_VERSION is too old to build from: 12.4 or later is needed (what was built with an older 12 runs with it all the same)])])
  AS_IF([test -x "$CUDA_HOME_DIR/bin/nvcc"], [NVCC=$CUDA_HOME_DIR/bin/nvcc], [NVCC=])
  AC_SUBST([NVCC])
  AC_SUBST([CUDA_HOME_DIR])
  AC_SUBST([CUDA_MAJOR])
  AC_SUBST([CUDA_CPPFLAGS], ["-isystem $CUDA_HOME_DIR/include"])
  AM_CONDITIONAL([HAVE_NVCC], [test -n "$NVCC"])

  AC_ARG_WITH([cuda12], [AS_HELP_STRING([--with-cuda12=DIR], [headers of CUDA 12, beside 13: libcudart.so.12 too])], [], [with_cuda12=])
  CUDA12_DIR=
  AS_IF([test "x$with_cuda12" != xno && test "$CUDA_MAJOR" != 12], [
    AC_MSG_CHECKING([for the headers of CUDA 12])
    AS_IF([test -n "$with_cuda12"], [vgpu_dir=$with_cuda12], [vgpu_dir=$vgpu_src/.deps-cuda12])
    CUDA12_VERSION=`$SED -n 's/^#define CUDA_VERSION *//p' "$vgpu_dir/include/cuda.h" 2>/dev/null`
    AS_CASE([$CUDA12_VERSION], [12???], [CUDA12_DIR=`cd "$vgpu_dir" && pwd`])
    AS_IF([test -z "$CUDA12_DIR" && test -n "$with_cuda12"], [AC_MSG_ERROR([no headers of CUDA 12 in $vgpu_dir/include])])
    AC_MSG_RESULT([${CUDA12_DIR:-no}])
  ])
  AC_SUBST([CUDA12_DIR])
  AM_CONDITIONAL([CUDART12], [test -n "$CUDA12_DIR"])

  dnl In no toolkit of wheels; only compared with.
  AC_MSG_CHECKING([for nvml.h])
  NVML_H=
  for vgpu_file in "$CUDA_HOME_DIR/include/nvml.h" "$vgpu_src"/.deps-clients/lib/python3*/site-packages/nvidia/cu13/include/nvml.h; do
    AS_IF([test -z "$NVML_H" && test -f "$vgpu_file"], [NVML_H=$vgpu_file])
  done
  AC_MSG_RESULT([${NVML_H:-no}])
  AC_SUBST([NVML_H])
  AS_IF([test -n "$NVML_H"], [NVML_CPPFLAGS="-DVGPU_NVML_H -isystem `AS_DIRNAME(["$NVML_H"])`"], [NVML_CPPFLAGS=])
  AC_SUBST([NVML_CPPFLAGS])
])

AC_DEFUN([VGPU_SLURM], [
  AC_ARG_WITH([slurm], [AS_HELP_STRING([--with-slurm=DIR], [Slurm's installation (headers in DIR/include/slurm)])], [], [with_slurm=/usr])
  have_slurm=no
  AS_IF([test "x$with_slurm" != xno && test -f "$with_slurm/include/slurm/spank.h"], [have_slurm=yes])
  AM_CONDITIONAL([HAVE_SLURM], [test "x$have_slurm" = xyes])
  AC_SUBST([SLURM_CPPFLAGS], ["-I$with_slurm/include"])
])

AC_DEFUN([VGPU_SUMMARY], [
  AS_ECHO([""])
  AS_ECHO(["slurm-vgpu $PACKAGE_VERSION will be built with"])
  AS_ECHO(["  compiler          $CXX"])
  AS_ECHO(["  CUDA headers      $CUDA_HOME_DIR ($CUDA_VERSION): libcuda.so.1, libcudart.so.$CUDA_MAJOR, libcudart_static.a"])
  AS_IF([test -n "$CUDA12_DIR"], [AS_ECHO(["  CUDA 12           $CUDA12_DIR ($CUDA12_VERSION): libcudart.so.12 too"])],
        [test "$CUDA_MAJOR" != 12], [AS_ECHO(["  CUDA 12           left out: no headers of it (contrib/deps --cuda12 gets them)"])])
  AS_ECHO(["  NVML              ${NVML_H:-libnvidia-ml.so.1, not compared with an nvml.h (contrib/deps --clients gets one)}"])
  AS_IF([test -n "$NVCC"], [AS_ECHO(["  CUDA programs     $NVCC: tests/cuda is built"])],
        [AS_ECHO(["  CUDA programs     left out: no nvcc in $CUDA_HOME_DIR (contrib/deps gets it)"])])
  AS_IF([test "x$have_slurm" = xyes], [AS_ECHO(["  Slurm plugins     $with_slurm/include/slurm: gres_vgpu.so, job_submit_vgpu.so, spank_vgpu.so"])],
        [AS_ECHO(["  Slurm plugins     left out: no spank.h below $with_slurm (Debian: libslurm-dev)"])])
  AS_IF([test "x$have_gtest" = xyes], [AS_ECHO(["  unit tests        GoogleTest"])],
        [AS_ECHO(["  unit tests        left out: no GoogleTest (Debian: libgtest-dev)"])])
  AS_IF([test -n "$OPENBLAS"], [AS_ECHO(["  soft cuBLAS       OpenBLAS"])],
        [AS_ECHO(["  soft cuBLAS       left out: no OpenBLAS (Debian: libopenblas-dev)"])])
  AS_IF([test -n "$FFTW"], [AS_ECHO(["  soft cuFFT        FFTW"])],
        [AS_ECHO(["  soft cuFFT        left out: no FFTW (Debian: libfftw3-dev)"])])
  AS_IF([test "x$have_mpfr" = xyes], [AS_ECHO(["  PTX references    MPFR"])],
        [AS_ECHO(["  PTX references    left out: no MPFR (Debian: libmpfr-dev)"])])
  AS_IF([test -n "$BATS"], [AS_ECHO(["  program tests     $BATS"])], [AS_ECHO(["  program tests     left out: no bats (Debian: bats)"])])
  AS_IF([test -n "$MPICC"], [AS_ECHO(["  MPI test          $MPICC"])], [AS_ECHO(["  MPI test          left out: no mpicc (Debian: libopenmpi-dev)"])])
  AS_IF([test -n "$VGPU_SANITIZE"], [AS_ECHO(["  sanitizers        $VGPU_SANITIZE"])])
  AS_ECHO([""])
])
