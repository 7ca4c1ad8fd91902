# SPDX-License-Identifier: Apache-2.0
# The software GPU's driver: libcuda-soft.so.1, and libcuda.so.1 as a link to it, in a folder of their own.
vgpusoft_LTLIBRARIES += %D%/libcuda-soft.la
BATS_TESTS += %D%/exports.bats
EXTRA_DIST += %D%/exports.bats %D%/exports.py %D%/libcuda-soft.map %D%/refused.txt

%C%_libcuda_soft_la_SOURCES = \
	%D%/allocations.cc %D%/allocations.h \
	%D%/array.cc %D%/array.h \
	%D%/capabilities.cc \
	%D%/capture.cc %D%/capture.h \
	%D%/context-api.cc %D%/context.cc %D%/context.h \
	%D%/copy-array.cc %D%/copy-batch.cc %D%/copy-box.cc %D%/copy-linear.cc %D%/copy-old-names.cc %D%/copy.cc %D%/copy.h \
	%D%/device-api.cc %D%/device.cc %D%/device.h \
	%D%/entry.cc %D%/entry.h \
	%D%/error-names.cc \
	%D%/event.cc %D%/event.h \
	%D%/fill.cc \
	%D%/function-api.cc \
	%D%/graph-api.cc %D%/graph.cc %D%/graph.h \
	%D%/graph-dot.cc \
	%D%/graph-exec-api.cc %D%/graph-exec.cc %D%/graph-exec.h \
	%D%/graph-memory.cc %D%/graph-memory.h \
	%D%/graph-node-api.cc %D%/graph-node.cc %D%/graph-node.h \
	%D%/graph-old-names.cc \
	%D%/green.cc %D%/green.h \
	%D%/logs-api.cc \
	%D%/heap.cc %D%/heap.h \
	%D%/host-memory.cc \
	%D%/image.cc %D%/image.h \
	%D%/ipc-event.cc %D%/ipc.cc \
	%D%/launch-old.cc %D%/launch.cc %D%/launch.h \
	%D%/leaving.h \
	%D%/library-api.cc %D%/library.cc \
	%D%/link.cc %D%/link.h \
	%D%/log.cc %D%/log.h \
	%D%/machine.cc %D%/machine.h \
	%D%/managed-old-names.cc %D%/managed.cc \
	%D%/memory.cc %D%/memory.h \
	%D%/merge.cc %D%/merge.h \
	%D%/module-api.cc %D%/module.cc %D%/module.h \
	%D%/occupancy.cc \
	%D%/old-names.cc \
	%D%/pointer.cc \
	%D%/pool-api.cc %D%/pool-share.cc %D%/pool.cc %D%/pool.h \
	%D%/primary.cc \
	%D%/proc-address.cc \
	%D%/refuse.cc %D%/refuse.h \
	%D%/registry.h \
	%D%/settings.cc %D%/settings.h \
	%D%/shared-event.cc %D%/shared-event.h \
	%D%/shared-file.cc %D%/shared-file.h \
	%D%/stream-api.cc %D%/stream-attribute.cc %D%/stream-memory.cc %D%/stream.cc %D%/stream.h \
	%D%/thread-own.h \
	%D%/texref.cc %D%/texref.h %D%/texture.cc %D%/texture.h \
	%D%/variables.cc %D%/variables.h \
	%D%/vmm.cc %D%/vmm.h
nodist_%C%_libcuda_soft_la_SOURCES = %D%/per-thread.cc %D%/refused.cc
%C%_libcuda_soft_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
# Loaded into applications: nothing of libstdc++ may come from, or go to, them. The library stays loaded when it is closed,
# for its threads.
%C%_libcuda_soft_la_LDFLAGS = -version-info 1:0:0 -Wl,--version-script=$(srcdir)/%D%/libcuda-soft.map \
	-Wl,-z,defs -Wl,-z,nodelete
%C%_libcuda_soft_la_LIBADD = softgpu/ptx/libptx.la remoting/image/libimage.la -lpthread -lm
%C%_libcuda_soft_la_LINK = $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link $(CC) \
	$(CFLAGS) $(VGPU_SANITIZE) $(%C%_libcuda_soft_la_LDFLAGS) $(LDFLAGS) \
	-static-libgcc -Wl,`$(CXX) -print-file-name=libstdc++.a` -o $@
EXTRA_%C%_libcuda_soft_la_DEPENDENCIES = %D%/libcuda-soft.map

# What cuda.h alone decides: its three views, as plain text, and what exports.py makes of them.
soft_exports = %D%/per-thread.cc %D%/refused.cc %D%/proc-table.inc %D%/error-table.inc
soft_headers = $(CUDA_HOME_DIR)/include/cuda.h $(CUDA_HOME_DIR)/include/cudaTypedefs.h
BUILT_SOURCES += $(soft_exports)
CLEANFILES += $(soft_exports) %D%/exports.stamp %D%/cuda-plain.i %D%/cuda-threads.i %D%/cuda-all.i

# With a recipe, or make takes what exports.py has just written for as old as it was.
$(soft_exports): %D%/exports.stamp ; @:
%D%/exports.stamp: %D%/exports.py %D%/refused.txt $(%C%_libcuda_soft_la_SOURCES) $(soft_headers)
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(CC) -E -P $(soft_headers:%cudaTypedefs.h=) > %D%/cuda-plain.i && \
	$(CC) -E -P -DCUDA_API_PER_THREAD_DEFAULT_STREAM $(soft_headers:%cudaTypedefs.h=) > %D%/cuda-threads.i && \
	$(CC) -E -P -D__CUDA_API_VERSION_INTERNAL $(soft_headers:%cudaTypedefs.h=) > %D%/cuda-all.i && \
	$(PYTHON) $(srcdir)/%D%/exports.py %D% $(soft_headers) %D%/cuda-plain.i %D%/cuda-threads.i %D%/cuda-all.i -- \
	$(srcdir)/%D%/refused.txt `for file in $(%C%_libcuda_soft_la_SOURCES); do test -f $$file && echo $$file || echo $(srcdir)/$$file; done` && \
	touch $@

install-data-hook: soft-install-link
uninstall-hook: soft-uninstall-link
.PHONY: soft-install-link soft-uninstall-link
soft-install-link:
	$(MKDIR_P) $(DESTDIR)$(vgpusoftdir) && cd $(DESTDIR)$(vgpusoftdir) && rm -f libcuda.so.1 && \
	$(LN_S) libcuda-soft.so.1 libcuda.so.1
soft-uninstall-link:
	rm -f $(DESTDIR)$(vgpusoftdir)/libcuda.so.1

if HAVE_GTEST
check_PROGRAMS += %D%/unit-soft
UNIT_TESTS += %D%/unit-soft
%C%_unit_soft_SOURCES = \
	%D%/test-device.h \
	%D%/array-test.cc %D%/device-test.cc %D%/event-test.cc %D%/graph-test.cc %D%/ipc-test.cc %D%/launch-test.cc %D%/managed-test.cc %D%/memory-test.cc %D%/module-test.cc \
	%D%/pool-test.cc %D%/proc-address-test.cc %D%/stream-test.cc %D%/vmm-test.cc
%C%_unit_soft_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_unit_soft_LDADD = %D%/libcuda-soft.la -lgtest -lgtest_main -lpthread
endif
