# SPDX-License-Identifier: Apache-2.0
# Benchmarks: `make bench`, one group with `make bench GROUP=callpath`, a first look with `make bench BENCH_FLAGS=--quick`.
# `make check` has a run of a few seconds that sees that every line comes.
check_PROGRAMS += %D%/callpath %D%/channel %D%/opening %D%/scale
BATS_TESTS += %D%/bench.bats
EXTRA_DIST += docs/bench-link.svg docs/bench-scale.svg %D%/run %D%/bench.bats %D%/callpath_group.py %D%/groups.py %D%/link_group.py %D%/scale_group.py %D%/softgpu_group.py \
	%D%/stage.py %D%/table.py %D%/trust_group.py %D%/kernels.cu %D%/kernels.h %D%/mma.cu %D%/plain.c %D%/plain.h
CLEANFILES += bench.json

%C%_callpath_SOURCES = %D%/callpath.cc %D%/device.h %D%/floors.cc %D%/floors.h %D%/measure.h
%C%_callpath_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_callpath_LDADD = -lpthread -ldl
# Without libtool, whose RPATH into the build tree would choose the driver instead of the environment.
%C%_callpath_LINK = $(CXX) $(AM_CXXFLAGS) $(CXXFLAGS) $(LDFLAGS) -Wl,--push-state,--no-as-needed \
	remoting/client/.libs/libcuda.so.1 -Wl,--pop-state -o $@
EXTRA_%C%_callpath_DEPENDENCIES = remoting/client/libcuda.la
%C%_scale_SOURCES = %D%/scale.cc %D%/device.h %D%/measure.h
%C%_scale_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_scale_LDADD = -lpthread
%C%_scale_LINK = $(%C%_callpath_LINK)
EXTRA_%C%_scale_DEPENDENCIES = remoting/client/libcuda.la

# These know our wire.
%C%_channel_SOURCES = %D%/channel.cc %D%/floors.cc %D%/floors.h %D%/measure.h
%C%_channel_LDADD = remoting/wire/libwire.la remoting/base/libbase.la
%C%_opening_SOURCES = %D%/measure.h %D%/opening.cc
%C%_opening_LDADD = remoting/wire/libwire.la remoting/base/libbase.la

if HAVE_NVCC
bench_cuda = %D%/kernels %D%/mma
check_DATA += $(bench_cuda)
CLEANFILES += $(bench_cuda) %D%/*.o
endif

%D%/kernels.o %D%/mma.o: %D%/%.o: %D%/%.cu %D%/kernels.h %D%/measure.h %D%/plain.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(NVCC) -std=c++17 -O2 -I$(top_srcdir) -gencode arch=compute_75,code=compute_75 -c $< -o $@

# At -O2 whatever the build's flags are: it is what others are measured by.
%D%/plain-c.o: %D%/plain.c %D%/plain.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(CC) -O2 -I$(top_srcdir) -c $< -o $@

%D%/kernels %D%/mma: %D%/%: %D%/%.o %D%/plain-c.o
	$(AM_V_GEN)$(NVCC) -cudart shared $(cuda_libraries) $< %D%/plain-c.o -o $@

bench: all %D%/callpath %D%/channel %D%/opening %D%/scale $(bench_cuda)
	$(PYTHON) $(srcdir)/%D%/run --build . $(BENCH_FLAGS) $(GROUP)
.PHONY: bench

# On a quiet machine: all groups, then the tables of the README.
bench-readme: bench
	$(PYTHON) $(srcdir)/%D%/table.py bench.json --into $(srcdir)/README.md
.PHONY: bench-readme
