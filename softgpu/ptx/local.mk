# SPDX-License-Identifier: Apache-2.0
# The PTX front end and executor. Handlers are compiled twice: for any x86-64, and for AVX2.
VGPU_PTX_CXXFLAGS = $(AM_CXXFLAGS) -ffp-contract=off -fno-strict-aliasing
# The user's -O2 comes later on the command line and would win over -O3: what matters of -O3 is named.
# The thread sanitizer is for our threads: what handlers touch is the kernel's, which may race as kernels do.
VGPU_PTX_OPS_CXXFLAGS = $(filter-out -fsanitize=thread,$(VGPU_PTX_CXXFLAGS)) -fno-math-errno -fno-trapping-math $(ptx_vectorise)
# With sanitizers there is little that can be vectorised, and it takes a quarter longer to find out.
if !SANITIZED
ptx_vectorise = -ftree-vectorize $(VGPU_LOOP_CXXFLAGS)
endif

# Those whose source has something of its own for AVX2, and the others.
VGPU_PTX_OPS_APART = \
	%D%/half.h \
	%D%/lanes.h \
	%D%/memory-lanes.h \
	%D%/ops-compare.cc \
	%D%/ops-load.cc \
	%D%/ops-store.cc
VGPU_PTX_OPS_ALIKE = \
	%D%/ops-atomic.cc \
	%D%/ops-bits.cc \
	%D%/ops-convert.cc \
	%D%/ops-float.cc \
	%D%/ops-half.cc \
	%D%/ops-integer.cc \
	%D%/ops-matrix.cc \
	%D%/ops-pack.cc \
	%D%/ops-video.cc

noinst_LTLIBRARIES += \
	%D%/libops-baseline.la \
	%D%/libops-avx2.la \
	%D%/libptx.la

%C%_libops_baseline_la_SOURCES = $(VGPU_PTX_OPS_APART) $(VGPU_PTX_OPS_ALIKE)
%C%_libops_baseline_la_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_ISA=baseline
%C%_libops_baseline_la_CXXFLAGS = $(VGPU_PTX_OPS_CXXFLAGS)

# A sanitizer looks at what the source does: once is enough of those that are alike.
%C%_libops_avx2_la_SOURCES = $(VGPU_PTX_OPS_APART)
if SANITIZED
ptx_sets = -DVGPU_ALIKE_ONCE
else
%C%_libops_avx2_la_SOURCES += $(VGPU_PTX_OPS_ALIKE)
endif
%C%_libops_avx2_la_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_ISA=avx2
%C%_libops_avx2_la_CXXFLAGS = $(VGPU_PTX_OPS_CXXFLAGS) -mavx2 -mfma

%C%_libptx_la_SOURCES = \
	%D%/barrier.cc \
	%D%/barrier.h \
	%D%/builtin.cc \
	%D%/builtin.h \
	%D%/code.h \
	%D%/control.cc \
	%D%/control.h \
	%D%/decode-control.cc \
	%D%/decode-index.cc \
	%D%/decode-matrix.cc \
	%D%/decode-memory.cc \
	%D%/decode-plain.cc \
	%D%/decode-texture.cc \
	%D%/decode-values.cc \
	%D%/decode.cc \
	%D%/decode.h \
	%D%/fault.cc \
	%D%/fragment.cc \
	%D%/fragment.h \
	%D%/grid.cc \
	%D%/machine.h \
	%D%/matrix.cc \
	%D%/matrix.h \
	%D%/mbarrier.cc \
	%D%/mbarrier.h \
	%D%/memory.cc \
	%D%/memory.h \
	%D%/module.cc \
	%D%/module.h \
	%D%/operand.cc \
	%D%/operand.h \
	%D%/operations.cc \
	%D%/operations.h \
	%D%/parser.cc \
	%D%/parser.h \
	%D%/print.cc \
	%D%/program.h \
	%D%/resident.cc \
	%D%/resident.h \
	%D%/sample.cc \
	%D%/sample.h \
	%D%/schedule.cc \
	%D%/syntax.h \
	%D%/target.cc \
	%D%/texture-site.h \
	%D%/texture.cc \
	%D%/texture.h \
	%D%/types.cc \
	%D%/types.h \
	%D%/warp-operation.cc
%C%_libptx_la_CPPFLAGS = $(AM_CPPFLAGS) $(ptx_sets)
%C%_libptx_la_CXXFLAGS = $(VGPU_PTX_CXXFLAGS)
%C%_libptx_la_LIBADD = \
	%D%/libops-baseline.la \
	%D%/libops-avx2.la \
	remoting/base/libbase.la
%C%_libptx_la_LDFLAGS = -pthread

if HAVE_GTEST
check_PROGRAMS += %D%/unit-ptx
UNIT_TESTS += %D%/unit-ptx
%C%_unit_ptx_SOURCES = \
	%D%/allocation-test.cc \
	%D%/arithmetic-test.cc \
	%D%/control-test.cc \
	%D%/extra-test.cc \
	%D%/forms-test.cc \
	%D%/fuzz-arguments.cc \
	%D%/fuzz-program.cc \
	%D%/fuzz-program.h \
	%D%/fuzz-sandbox.h \
	%D%/fuzz-test.cc \
	%D%/index-test.cc \
	%D%/matrix-memory-test.cc \
	%D%/matrix-test.cc \
	%D%/matrix-test.h \
	%D%/memory-test.cc \
	%D%/order-test.cc \
	%D%/parse-test.cc \
	%D%/texture-test.cc \
	%D%/test-machine.h
%C%_unit_ptx_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_SOURCE_DIR='"$(abs_top_srcdir)"'
%C%_unit_ptx_CXXFLAGS = $(AM_CXXFLAGS) -frounding-math
%C%_unit_ptx_LDADD = %D%/libptx.la remoting/image/libimage.la -lgtest -lgtest_main -lpthread
if HAVE_MPFR
# The references for the rows of the operation tables.
%C%_unit_ptx_SOURCES += \
	%D%/row-bits-test.cc \
	%D%/row-compare-test.cc \
	%D%/row-convert-test.cc \
	%D%/row-coverage-test.cc \
	%D%/row-coverage.h \
	%D%/row-float-test.cc \
	%D%/row-forms-test.cc \
	%D%/row-integer-test.cc \
	%D%/row-memory-test.cc \
	%D%/row-page-test.cc \
	%D%/row-real-test.cc \
	%D%/row-real.h \
	%D%/row-test.cc \
	%D%/row-test.h
%C%_unit_ptx_LDADD += -lmpfr -lgmp
endif
endif
EXTRA_DIST += %D%/corpus-forms.txt %D%/fuzz-launches.ptx %D%/fuzz-seeds.ptx docs/ptx.md

# docs/ptx.md from the tables, after a row was added.
.PHONY: update-ptx-page
update-ptx-page: %D%/unit-ptx
	-VGPU_WRITE_PTX_PAGE=$(abs_top_srcdir)/docs/ptx.md %D%/unit-ptx --gtest_filter=Page.IsCurrent

if FUZZERS
FUZZ_TESTS += %D%/fuzz-launch %D%/fuzz-ptx
endif
%C%_fuzz_launch_SOURCES = %D%/fuzz-arguments.cc %D%/fuzz-launch.cc %D%/fuzz-program.cc %D%/fuzz-program.h %D%/fuzz-sandbox.h
%C%_fuzz_launch_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_SOURCE_DIR='"$(abs_top_srcdir)"'
%C%_fuzz_launch_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_launch_LDADD = %D%/libptx.la remoting/image/libimage.la
%C%_fuzz_ptx_SOURCES = %D%/fuzz-program.cc %D%/fuzz-program.h %D%/fuzz-ptx.cc %D%/fuzz-sandbox.h
%C%_fuzz_ptx_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_SOURCE_DIR='"$(abs_top_srcdir)"'
%C%_fuzz_ptx_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_ptx_LDADD = %D%/libptx.la remoting/image/libimage.la
