# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += %D%/libserver.la
%C%_libserver_la_SOURCES = %D%/array-bytes.cc %D%/array-bytes.h %D%/array-calls.cc %D%/array-copy.cc %D%/bulk-lane.cc %D%/bulk-lane.h %D%/bulk.cc %D%/bulk.h %D%/host-pool.cc %D%/host-pool.h %D%/pinned.h %D%/calls.h \
	%D%/capture-calls.cc %D%/captures.cc %D%/captures.h %D%/context-calls.cc %D%/contexts.cc \
	%D%/contexts.h %D%/copy.cc %D%/copy.h %D%/coverage.cc %D%/decode.h %D%/device-meter.cc %D%/device-meter.h %D%/dispatch.cc %D%/driver.cc \
	%D%/driver.h %D%/enumerate.cc %D%/fence.cc %D%/fence.h \
	%D%/graph-calls.cc %D%/green-calls.cc %D%/green.h %D%/graph-node-get.cc %D%/graph-node.cc %D%/graph-node.h %D%/graphs.cc %D%/graphs.h %D%/launch.h \
	%D%/host-service-calls.cc %D%/host-service.cc %D%/host-service.h \
	%D%/handles.cc %D%/handles.h %D%/host-calls.cc \
	%D%/host-memory.cc %D%/host-memory.h %D%/image-calls.cc %D%/image-check.cc %D%/image-check.h \
	%D%/images.cc %D%/images.h %D%/ipc-calls.cc %D%/jit-options.cc %D%/jit-options.h %D%/launch.cc %D%/limit.cc %D%/limit.h %D%/libraries.cc %D%/libraries.h %D%/library-call.h %D%/library-list.cc %D%/library-rows.cc %D%/library-rows.h %D%/link-calls.cc %D%/links.h %D%/memory.cc %D%/memory.h %D%/memory-calls.cc \
	%D%/mirror-calls.cc %D%/mirrors.cc %D%/mirrors.h \
	%D%/pacer.cc %D%/pacer.h %D%/physical.cc %D%/physical.h %D%/output.cc %D%/output.h %D%/quota.cc %D%/quota.h %D%/replies.cc %D%/replies.h %D%/session.cc %D%/session.h %D%/slice.h \
	%D%/sharing.cc %D%/sharing.h %D%/slice-page.h %D%/snapshot.cc %D%/staging.cc %D%/staging.h %D%/stream-calls.cc %D%/texref-calls.cc %D%/texture-calls.cc %D%/throttle.cc \
	%D%/throttle.h %D%/traffic-page.h %D%/user-objects.cc %D%/user-objects.h %D%/waiters.cc %D%/waiters.h
nodist_%C%_libserver_la_SOURCES = remoting/libs/cublas/server.cc remoting/libs/cublaslt/server.cc remoting/libs/cudnn/server.cc remoting/libs/cufft/server.cc remoting/libs/curand/server.cc \
	remoting/libs/cusolver/server.cc remoting/libs/cusparse/server.cc
%C%_libserver_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_SOFT_DIR='"$(vgpusoftdir)"'
# A client may name an enumerator that is none: it is the driver's to refuse, but a sanitizer stumbles over its way there.
%C%_libserver_la_CXXFLAGS = $(AM_CXXFLAGS) -fno-sanitize=enum

if HAVE_GTEST
check_PROGRAMS += %D%/unit-server
UNIT_TESTS += %D%/unit-server
endif
server_test_libs = %D%/libserver.la remoting/image/libimage.la remoting/wire/libwire.la remoting/base/libbase.la -ldl -lpthread
%C%_unit_server_SOURCES = %D%/array-test.cc %D%/bulk-test.cc %D%/host-pool-test.cc %D%/busy-device-test.cc %D%/busy-device.h %D%/door-test.cc %D%/held-test.cc %D%/mirror-test.cc %D%/image-check-test.cc %D%/launch-attributes-test.cc %D%/physical-test.cc %D%/quota-test.cc %D%/session-test.cc %D%/sharing-test.cc %D%/session-hostile-test.cc %D%/session-testing.h \
	%D%/fuzz-test.cc %D%/fuzz-dispatch.cc %D%/fuzz-libraries.cc %D%/fuzz-session.h %D%/waiters-test.cc %D%/test-client.h
%C%_unit_server_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_unit_server_LDADD = $(server_test_libs) -lgtest -lgtest_main
%C%_unit_server_CXXFLAGS = $(AM_CXXFLAGS) -fno-sanitize=enum

if FUZZERS
FUZZ_TESTS += %D%/fuzz-dispatch %D%/fuzz-libraries
endif
%C%_fuzz_dispatch_SOURCES = %D%/fuzz-dispatch.cc %D%/fuzz-session.h
%C%_fuzz_dispatch_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_FUZZER
%C%_fuzz_dispatch_CXXFLAGS = $(fuzzer_cxxflags) -fno-sanitize=enum
%C%_fuzz_dispatch_LDADD = $(server_test_libs)
%C%_fuzz_libraries_SOURCES = %D%/fuzz-libraries.cc %D%/fuzz-session.h
%C%_fuzz_libraries_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_FUZZER
%C%_fuzz_libraries_CXXFLAGS = $(fuzzer_cxxflags) -fno-sanitize=enum
%C%_fuzz_libraries_LDADD = $(server_test_libs)
# They open the recording libraries.
EXTRA_%C%_fuzz_libraries_DEPENDENCIES = $(filter remoting/libs/%,$(vgpunull_LTLIBRARIES))
EXTRA_%C%_unit_server_DEPENDENCIES = $(filter remoting/libs/%,$(vgpunull_LTLIBRARIES))
