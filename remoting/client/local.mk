# SPDX-License-Identifier: Apache-2.0
# libcuda.so.1 as the application sees it.
noinst_LTLIBRARIES += %D%/libclient.la
vgpulib_LTLIBRARIES += %D%/libcuda.la
EXTRA_DIST += %D%/errors.py %D%/libcuda.map %D%/proc-address.py

%C%_libclient_la_SOURCES = \
	%D%/advice.cc %D%/advice.h \
	%D%/array-copy.cc %D%/array.cc %D%/array.h \
	%D%/bulk.cc %D%/bulk.h \
	%D%/path-window.cc %D%/path-window.h \
	%D%/call.cc %D%/call.h \
	%D%/capabilities.cc \
	%D%/capture.cc %D%/capture.h \
	%D%/connection.cc %D%/connection.h \
	%D%/context-entry.cc %D%/context.cc %D%/context.h \
	%D%/copy-batch.cc %D%/copy-entry.cc %D%/copy-in-window.cc %D%/copy-in-window.h %D%/copy-out.cc %D%/copy-out.h %D%/copy-pitched.cc %D%/copy.cc %D%/copy.h \
	%D%/device-entry.cc %D%/device.cc %D%/device.h \
	%D%/driver.cc \
	%D%/entry.h %D%/entry-of-launch.h \
	%D%/enumerate.cc \
	%D%/errors.cc %D%/errors.h \
	%D%/batches.cc %D%/event.cc %D%/event.h \
	%D%/forward.h %D%/forwards.cc \
	%D%/function-entry.cc %D%/function.cc %D%/function.h \
	%D%/graph-describe.cc %D%/graph-exec.cc %D%/graph-node.cc %D%/graph-old-names.cc %D%/graph-parameters.cc %D%/graph.cc %D%/graph.h \
	%D%/green.cc \
	%D%/logs.cc %D%/logs.h \
	%D%/host-function.cc \
	%D%/host-memory.cc %D%/host-memory.h \
	%D%/host-service.cc %D%/host-service.h \
	%D%/id.h \
	%D%/image.cc %D%/image.h \
	%D%/ipc.cc %D%/ipc.h %D%/ipc-ask.h \
	%D%/ipc-event.cc %D%/ipc-name.cc \
	%D%/pool-share.cc \
	%D%/jit-options.cc %D%/jit-options.h \
	%D%/launch-attributes.cc %D%/launch-attributes.h %D%/launch-old.cc %D%/launch.cc \
	%D%/libraries.cc %D%/libraries.h %D%/library.cc \
	%D%/link.cc \
	%D%/load.cc %D%/load.h \
	%D%/looks.h \
	%D%/mappings.h \
	%D%/memory.cc %D%/memory.h \
	%D%/memset.cc \
	%D%/managed-entry.cc %D%/managed.cc %D%/managed.h \
	%D%/mirrors.cc %D%/mirrors.h \
	%D%/module.cc \
	%D%/objects.h \
	%D%/occupancy.cc %D%/occupancy.h \
	%D%/pointer.cc \
	%D%/pool.cc %D%/pool.h \
	%D%/proc-address-table.cc %D%/proc-address.cc %D%/proc-address.h \
	%D%/range-map.cc %D%/range-map.h %D%/reconnection.cc %D%/reconnection.h \
	%D%/remote.h \
	%D%/rows-in.h \
	%D%/session.cc %D%/session.h \
	%D%/shared-staging.cc %D%/shared-staging.h \
	%D%/static-cudart.cc %D%/static-cudart.h \
	%D%/stream-attribute.cc \
	%D%/stream-values.cc \
	%D%/stream.cc \
	%D%/stubs.cc \
	%D%/table.h \
	%D%/tensor-map.cc %D%/texref.cc %D%/texture.cc \
	%D%/thread-stream.cc %D%/thread-stream.h %D%/thread.cc %D%/thread.h \
	%D%/vmm.cc %D%/vmm-share.cc \
	%D%/wait.cc %D%/wait.h \
	%D%/window.cc %D%/window.h
# The symbols' real names, not those that the header's macros give them.
%C%_libclient_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -D__CUDA_API_VERSION_INTERNAL
# A worker, or a newer driver, may answer a result that is none: it is handed on, but a sanitizer stumbles over it.
%C%_libclient_la_CXXFLAGS = $(AM_CXXFLAGS) -fno-sanitize=enum

# Loaded into applications: nothing of libstdc++ may come from, or go to, them. It stays loaded when it is closed, for what its
# threads' variables and the program's destructors still need.
%C%_libcuda_la_SOURCES =
%C%_libcuda_la_LIBADD = %D%/libclient.la remoting/wire/libwire.la remoting/base/libbase.la -lpthread -ldl
%C%_libcuda_la_LDFLAGS = -version-info 1:0:0 -Wl,--version-script=$(srcdir)/%D%/libcuda.map \
	-Wl,-z,defs -Wl,-z,nodelete -Wl,-Bsymbolic-functions
%C%_libcuda_la_LINK = $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link $(CC) \
	$(CFLAGS) $(VGPU_SANITIZE) $(%C%_libcuda_la_LDFLAGS) $(LDFLAGS) \
	-static-libgcc -Wl,`$(CXX) -print-file-name=libstdc++.a` -o $@
EXTRA_%C%_libcuda_la_DEPENDENCIES = %D%/libcuda.map

client_generated = %D%/errors.inc %D%/proc-address.inc
client_headers = $(CUDA_HOME_DIR)/include/cuda.h $(CUDA_HOME_DIR)/include/cudaTypedefs.h \
	$(CUDA_HOME_DIR)/include/cudaProfiler.h $(CUDA_HOME_DIR)/include/cudaProfilerTypedefs.h
BUILT_SOURCES += $(client_generated)
CLEANFILES += $(client_generated)

%D%/errors.inc: %D%/errors.py $(CUDA_HOME_DIR)/include/cuda.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(PYTHON) $(srcdir)/%D%/errors.py $(CUDA_HOME_DIR)/include/cuda.h > $@.new && mv $@.new $@

%D%/proc-address.inc: %D%/proc-address.py $(CUDA_HOME_DIR)/include/cudaTypedefs.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(PYTHON) $(srcdir)/%D%/proc-address.py $(client_headers) > $@.new && mv $@.new $@

if HAVE_GTEST
check_PROGRAMS += %D%/unit-client
UNIT_TESTS += %D%/unit-client
%C%_unit_client_SOURCES = %D%/bulk-test.cc %D%/path-window-test.cc %D%/connection-test.cc %D%/device-test.cc %D%/forward-test.cc %D%/fuzz-answers.cc %D%/fuzz-test.cc %D%/image-test.cc %D%/lookup-test.cc %D%/proc-address-test.cc %D%/range-map-test.cc
%C%_unit_client_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -D__CUDA_API_VERSION_INTERNAL
%C%_unit_client_LDADD = %D%/libclient.la remoting/wire/libwire.la remoting/base/libbase.la -lgtest -lgtest_main -lpthread -ldl
endif

if FUZZERS
FUZZ_TESTS += %D%/fuzz-answers
endif
%C%_fuzz_answers_SOURCES = %D%/fuzz-answers.cc
%C%_fuzz_answers_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -D__CUDA_API_VERSION_INTERNAL -DVGPU_FUZZER
%C%_fuzz_answers_CXXFLAGS = $(fuzzer_cxxflags) -fno-sanitize=enum
%C%_fuzz_answers_LDADD = %D%/libclient.la remoting/wire/libwire.la remoting/base/libbase.la -lpthread -ldl
