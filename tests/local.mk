# SPDX-License-Identifier: Apache-2.0
# Unit tests lie beside the code, program tests here. Every one of them speaks TAP, so that each case counts.
include %D%/cuda/local.mk

dist_check_SCRIPTS = %D%/run-gtest %D%/slurm.suite
EXTRA_DIST += %D%/lib.bash %D%/tsan.supp %D%/layers.bats %D%/manual.bats $(slurm_tests)

# One cluster is brought up for all of these: tests/slurm/setup_suite.bash.
slurm_tests = \
	%D%/slurm/setup_suite.bash %D%/slurm/lib.bash %D%/slurm/run-programs \
	%D%/slurm/failures.bats %D%/slurm/jobs.bats %D%/slurm/options.bats %D%/slurm/pool.bats %D%/slurm/programs.bats

BATS_TESTS += %D%/layers.bats %D%/manual.bats
if HAVE_SLURM
BATS_TESTS += %D%/slurm.suite
endif

TEST_EXTENSIONS = .bats .suite
vgpu_tap = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(vgpu_tap)
BATS_LOG_DRIVER = $(vgpu_tap)
SUITE_LOG_DRIVER = $(vgpu_tap)
LOG_COMPILER = $(SHELL) $(top_srcdir)/%D%/run-gtest
BATS_LOG_COMPILER = $(BATS)
AM_BATS_LOG_FLAGS = --tap
SUITE_LOG_COMPILER = $(SHELL)

AM_TESTS_ENVIRONMENT = \
	TOP_SRCDIR=`cd $(top_srcdir) && pwd`; TOP_BUILDDIR=`pwd`; VGPU_PREFIX='$(prefix)'; export TOP_SRCDIR TOP_BUILDDIR VGPU_PREFIX; \
	CC='$(CC)'; CXX='$(CXX)'; NVCC='$(NVCC)'; CUDA_HOME_DIR='$(CUDA_HOME_DIR)'; \
	CUDA12_DIR='$(CUDA12_DIR)'; export CC CXX NVCC CUDA_HOME_DIR CUDA12_DIR; \
	BATS='$(BATS)'; MPICC='$(MPICC)'; PYTHON='$(PYTHON)'; export BATS MPICC PYTHON; \
	TSAN_OPTIONS="suppressions=$$TOP_SRCDIR/tests/tsan.supp:$$TSAN_OPTIONS"; export TSAN_OPTIONS;

TESTS = $(UNIT_TESTS) $(FUZZ_TESTS)
if !SANITIZED
if HAVE_BATS
TESTS += $(BATS_TESTS)
endif
endif

# A third of what a sanitizer build takes is the tests' own code, which need not be fast; that of the PTX tests computes much itself.
if SANITIZED
remoting/%-test.o daemon/%-test.o spank-plugin/%-test.o gres-plugin/%-test.o softgpu/driver/%-test.o: CXXFLAGS += -O0
endif

# Builds and runs the unit tests alone: for builds with a sanitizer. Automake lets check-TESTS depend on everything that
# any test needs, which is taken back here.
check-units: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(UNIT_TESTS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(UNIT_TESTS)' check_PROGRAMS='$(UNIT_TESTS)' check_DATA=
.PHONY: check-units

# Every CUDA program with this build's client, runtime, wrappers, daemons and worker, all with its sanitizer, and the tests of these.
# The programs and the driver, as unaware of it as a vendor's, are those of another build: CUDA_BUILD=DIR. ThreadSanitizer would take for
# a race what the driver has under its own locks, so with it the driver and the libraries beside it are this build's too.
# check-sanitized is what there is time for in contrib/check: with ThreadSanitizer the programs alone, but for those that need more
# libraries. check-sanitized-all is every test of a client, a runtime, a worker or a daemon. The other
# bats files are about sources, figures, or a kit that takes preloaded libraries away.
for_thread = $(findstring thread,$(VGPU_SANITIZE))
sanitized_soft = $(if $(for_thread),$(abs_top_builddir),$(CUDA_BUILD))
sanitized_parts = remoting/client/libcuda.la remoting/cudart/libcudart.la daemon/vgpustepd/vgpustepd vgpud vgpu-run \
	$(if $(for_thread),softgpu/driver/libcuda-soft.la $(if $(SANITIZE_ALL),$(vgpusoft_LTLIBRARIES) $(sanitized_more_parts)),$(sanitized_more_parts))
sanitized_more_parts = $(vgpulib_LTLIBRARIES) $(filter-out %.a,$(vgpulib_DATA)) $(vgpunull_LTLIBRARIES) \
	$(filter remoting/libs/%-calls,$(check_PROGRAMS)) vgpuctld vgpuctl vgpu-smi
sanitized_more_tests = %D%/auth.bats %D%/daemon.bats %D%/failures.bats %D%/round-trips.bats %D%/trust.bats %D%/vgpu-run.bats \
	nulldriver/null.bats remoting/libs/libs.bats
sanitized_all_tests = %D%/sanitized.bats %D%/cuda/cudart.bats $(sanitized_more_tests) %D%/clients.bats %D%/qos.bats %D%/resumption.bats
sanitized_tests = $(if $(SANITIZE_ALL),$(sanitized_all_tests),%D%/sanitized.bats $(if $(for_thread),,$(sanitized_more_tests)))
EXTRA_DIST += %D%/sanitized.bats
dist_check_SCRIPTS += %D%/run-sanitized
sanitized-parts: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(sanitized_parts)
check-sanitized: sanitized-parts
	CUDA_PROGRAMS='$(CUDA_BUILD)/tests/cuda' SOFT_BUILD='$(sanitized_soft)' VGPU_SANITIZE='$(VGPU_SANITIZE)' SANITIZE_ALL='$(SANITIZE_ALL)' \
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(sanitized_tests)' check_PROGRAMS= check_DATA= \
		BATS_LOG_COMPILER='$(SHELL) $(top_srcdir)/%D%/run-sanitized' AM_BATS_LOG_FLAGS=
check-sanitized-all:
	$(MAKE) $(AM_MAKEFLAGS) check-sanitized SANITIZE_ALL=yes
# The cluster's tests too: in the other build, whose plugins they have.
check-sanitized-slurm:
	$(MAKE) $(AM_MAKEFLAGS) sanitized-parts SANITIZE_ALL=yes
	cd '$(CUDA_BUILD)' && SANITIZED_BUILD='$(abs_top_builddir)' VGPU_SANITIZE='$(VGPU_SANITIZE)' \
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS=%D%/slurm.suite check_PROGRAMS= check_DATA=
.PHONY: check-sanitized check-sanitized-all check-sanitized-slurm sanitized-parts

# Some rounds of each fuzzer from the inputs that are kept: tests/run-fuzzer says how to go on for longer.
check_PROGRAMS += $(FUZZ_TESTS)
dist_check_SCRIPTS += %D%/run-fuzzer
EXTRA_DIST += %D%/corpus
check-fuzzers: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(FUZZ_TESTS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(FUZZ_TESTS)' check_PROGRAMS='$(FUZZ_TESTS)' check_DATA= \
		LOG_COMPILER='$(SHELL) $(top_srcdir)/%D%/run-fuzzer'
.PHONY: check-fuzzers

# What the programs say straight on the software GPU, and what the tests against the cluster leave for whoever looks into
# a failure.
clean-local: clean-test-results
clean-test-results:
	rm -rf %D%/straight %D%/slurm-cluster %D%/slurm-work %D%/slurm-install.log
.PHONY: clean-test-results

# The kit for a machine with a GPU, exercised over the software GPU.
BATS_TESTS += %D%/gpu/gpu.bats
EXTRA_DIST += %D%/gpu/gpu.bats %D%/gpu/run %D%/gpu/stage docs/gpu-results.md

# Clients from the Python package index.
BATS_TESTS += %D%/clients.bats
EXTRA_DIST += docs/clients.md docs/pytorch.md %D%/clients.bats %D%/clients/bindings.py %D%/clients/cupy-runtime.py %D%/clients/numba-kernels.py %D%/clients/nvml.py %D%/clients/pycuda-driver.py %D%/clients/readings.py %D%/clients/triton-launcher.py %D%/clients/utilisation.py
