# SPDX-License-Identifier: Apache-2.0
# The null driver: libcuda-null.so.1, and libcuda.so.1 as a link to it, in a folder of their own.
vgpunull_LTLIBRARIES += %D%/libcuda-null.la
EXTRA_DIST += %D%/exports.py %D%/libcuda-null.map %D%/sequence.py

%C%_sources = \
	%D%/device.cc \
	%D%/graph-node.cc \
	%D%/host-functions.cc \
	%D%/image.cc \
	%D%/lookup.cc \
	%D%/memory.cc \
	%D%/null.h \
	%D%/record.cc %D%/record.h \
	%D%/tensor-map.cc
# The PTX reader alone, not the executor.
%C%_libcuda_null_la_SOURCES = $(%C%_sources) \
	softgpu/ptx/operand.cc softgpu/ptx/parser.cc softgpu/ptx/types.cc
nodist_%C%_libcuda_null_la_SOURCES = %D%/entries.cc
# The symbols' real names, not those that the header's macros give them.
%C%_libcuda_null_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -D__CUDA_API_VERSION_INTERNAL
# Loaded into applications: nothing of libstdc++ may come from, or go to, them.
%C%_libcuda_null_la_LDFLAGS = -version-info 1:0:0 -Wl,--version-script=$(srcdir)/%D%/libcuda-null.map \
	-Wl,-z,defs -Wl,-z,nodelete
%C%_libcuda_null_la_LIBADD = remoting/image/libimage.la remoting/base/libbase.la -lpthread
%C%_libcuda_null_la_LINK = $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link $(CC) \
	$(CFLAGS) $(VGPU_SANITIZE) $(%C%_libcuda_null_la_LDFLAGS) $(LDFLAGS) \
	-static-libgcc -Wl,`$(CXX) -print-file-name=libstdc++.a`,-lm -o $@
EXTRA_%C%_libcuda_null_la_DEPENDENCIES = %D%/libcuda-null.map

null_generated = %D%/entries.cc %D%/errors.inc %D%/proc-address.inc
BUILT_SOURCES += $(null_generated)
CLEANFILES += $(null_generated)

%D%/entries.cc: %D%/exports.py $(%C%_sources) $(api_scripts) remoting/api/cuda.api remoting/api/cuda-h.txt
	$(AM_V_GEN)$(MKDIR_P) %D% && $(PYTHON) $(srcdir)/%D%/exports.py --api $(srcdir)/remoting/api \
	  --preprocessed remoting/api/cuda-h.txt --header $(CUDA_HOME_DIR)/include/cuda.h \
	  $(%C%_sources:%=$(srcdir)/%) > $@.new && mv $@.new $@

%D%/errors.inc: remoting/client/errors.py $(CUDA_HOME_DIR)/include/cuda.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(PYTHON) $(srcdir)/remoting/client/errors.py $(CUDA_HOME_DIR)/include/cuda.h > $@.new && mv $@.new $@

%D%/proc-address.inc: remoting/client/proc-address.py $(CUDA_HOME_DIR)/include/cudaTypedefs.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(PYTHON) $(srcdir)/remoting/client/proc-address.py $(client_headers) > $@.new && mv $@.new $@

install-data-hook: null-install-link
uninstall-hook: null-uninstall-link
.PHONY: null-install-link null-uninstall-link
null-install-link:
	$(MKDIR_P) $(DESTDIR)$(vgpunulldir) && cd $(DESTDIR)$(vgpunulldir) && rm -f libcuda.so.1 && \
	$(LN_S) libcuda-null.so.1 libcuda.so.1
null-uninstall-link:
	rm -f $(DESTDIR)$(vgpunulldir)/libcuda.so.1

BATS_TESTS += %D%/null.bats
EXTRA_DIST += %D%/null.bats %D%/count-allocations.c %D%/count-launches.cc
