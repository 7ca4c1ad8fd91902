# SPDX-License-Identifier: Apache-2.0
# libnvidia-ml.so.1 as monitoring programs see it: written over vgpud's control plane, without a session.
noinst_LTLIBRARIES += %D%/libnvml.la
vgpulib_LTLIBRARIES += %D%/libnvidia-ml.la
EXTRA_DIST += %D%/generate.py %D%/libnvidia-ml.map %D%/nvml.api

%C%_libnvml_la_SOURCES = \
	%D%/abi.h \
	%D%/device.cc \
	%D%/events.cc \
	%D%/exports.cc \
	%D%/header-check.cc \
	%D%/library.cc %D%/library.h \
	%D%/state.cc %D%/state.h \
	%D%/system.cc \
	%D%/topology.cc \
	%D%/usage.cc
%C%_libnvml_la_CPPFLAGS = $(AM_CPPFLAGS) $(NVML_CPPFLAGS)

# Loaded into programs as libcuda.so.1 is, and for the same reasons with nothing of libstdc++ to be seen.
%C%_libnvidia_ml_la_SOURCES =
%C%_libnvidia_ml_la_LIBADD = %D%/libnvml.la remoting/wire/libwire.la remoting/base/libbase.la -lpthread -ldl
%C%_libnvidia_ml_la_LDFLAGS = -version-info 1:0:0 -Wl,--version-script=$(srcdir)/%D%/libnvidia-ml.map \
	-Wl,-z,defs -Wl,-z,nodelete -Wl,-Bsymbolic-functions
%C%_libnvidia_ml_la_LINK = $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link $(CC) \
	$(CFLAGS) $(VGPU_SANITIZE) $(%C%_libnvidia_ml_la_LDFLAGS) $(LDFLAGS) \
	-static-libgcc -Wl,`$(CXX) -print-file-name=libstdc++.a` -o $@
EXTRA_%C%_libnvidia_ml_la_DEPENDENCIES = %D%/libnvidia-ml.map

nvml_generated = %D%/calls.inc %D%/exports.inc %D%/readings.inc %D%/check.inc
BUILT_SOURCES += $(nvml_generated)
CLEANFILES += $(nvml_generated)

%D%/calls.inc %D%/exports.inc %D%/readings.inc: %D%/generate.py %D%/nvml.api
	$(AM_V_GEN)$(MKDIR_P) %D% && name=$(@F) && \
	$(PYTHON) $(srcdir)/%D%/generate.py $${name%.inc} $(srcdir)/%D%/nvml.api > $@.new && mv $@.new $@

# Nothing to compare where there is no nvml.h.
%D%/check.inc: %D%/generate.py %D%/nvml.api
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(PYTHON) $(srcdir)/%D%/generate.py check $(srcdir)/%D%/nvml.api $(NVML_H) > $@.new && mv $@.new $@

if HAVE_GTEST
check_PROGRAMS += %D%/unit-nvml
UNIT_TESTS += %D%/unit-nvml
%C%_unit_nvml_SOURCES = %D%/state-test.cc
%C%_unit_nvml_LDADD = %D%/libnvml.la remoting/wire/libwire.la remoting/base/libbase.la -lgtest -lgtest_main -lpthread -ldl
endif

if FUZZERS
FUZZ_TESTS += %D%/fuzz-state
endif
%C%_fuzz_state_SOURCES = %D%/fuzz-state.cc
%C%_fuzz_state_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_FUZZER
%C%_fuzz_state_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_state_LDADD = %D%/libnvml.la remoting/wire/libwire.la remoting/base/libbase.la -ldl
