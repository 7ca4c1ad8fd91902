# SPDX-License-Identifier: Apache-2.0
# The CUDA runtime: libcudart.so.N, and the same objects as libcudart_static.a for relinking.
# It uses nothing of libstdc++, so that a program in C can link the archive; hence the flags, and the C linker.
vgpulib_LTLIBRARIES += %D%/libcudart.la
vgpulib_DATA += %D%/libcudart_static.a
EXTRA_DIST += %D%/generate.py
CLEANFILES += %D%/$(CUDA_MAJOR)/*.* %D%/cudart.map %D%/libcudart_static.a

%C%_libcudart_la_SOURCES = \
	%D%/array.cc %D%/array.h %D%/batch.cc %D%/calls.inc %D%/capture.cc %D%/copy-2d.cc %D%/copy-3d.cc %D%/copy.cc \
	%D%/copy.h %D%/deprecated.cc %D%/device.cc %D%/driver.cc %D%/driver.h %D%/error.cc %D%/fill.cc %D%/function.cc \
	%D%/graph-copy.cc %D%/graph-node.cc %D%/graph.cc %D%/image.cc %D%/image.h %D%/launch.cc %D%/launch.h %D%/library.cc \
	%D%/log.cc %D%/log.h %D%/logs.cc %D%/memory.cc %D%/per-thread.cc %D%/pointer-map.h %D%/pool.cc \
	%D%/properties.cc %D%/refuse.cc %D%/registry.cc %D%/registry.h %D%/runtime.cc %D%/runtime.h \
	%D%/stream.cc %D%/texture.cc
nodist_%C%_libcudart_la_SOURCES = %D%/$(CUDA_MAJOR)/unsupported.c
%C%_libcudart_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_libcudart_la_CFLAGS = $(VGPU_WARNINGS) -fvisibility=hidden
# clang's sanitizers are in the program alone, and this library is not.
if !FUZZERS
cudart_sanitize = $(VGPU_SANITIZE)
endif
%C%_libcudart_la_CXXFLAGS = -std=c++20 -fvisibility=hidden $(VGPU_WARNINGS) -fno-exceptions -fno-rtti \
	-fno-threadsafe-statics $(cudart_sanitize)
%C%_libcudart_la_LDFLAGS = -version-info $(CUDA_MAJOR):0:0 -Wl,--version-script=%D%/cudart.map -Wl,-z,defs
%C%_libcudart_la_LIBADD = -ldl -lpthread
%C%_libcudart_la_LINK = $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link $(CC) \
	$(CFLAGS) $(cudart_sanitize) $(%C%_libcudart_la_LDFLAGS) $(LDFLAGS) -o $@
EXTRA_%C%_libcudart_la_DEPENDENCIES = %D%/cudart.map

BUILT_SOURCES += %D%/$(CUDA_MAJOR)/error-names.inc %D%/$(CUDA_MAJOR)/call-versions.inc

# What is generated is the headers', so each major has a folder of its own.
cudart_headers = $(if $(filter $(CUDA_MAJOR),$*),$(CUDA_HOME_DIR),$(CUDA12_DIR))/include
cudart_generate = $(MKDIR_P) $(@D) && $(PYTHON) $(srcdir)/%D%/generate.py

%D%/%/error-names.inc: %D%/generate.py
	$(AM_V_GEN)$(cudart_generate) errors $(cudart_headers) $@

%D%/%/call-versions.inc: %D%/generate.py %D%/calls.inc
	$(AM_V_GEN)$(cudart_generate) versions $(cudart_headers) $@

%D%/%/unsupported.c: %D%/generate.py
	$(AM_V_GEN)$(cudart_generate) unsupported $(cudart_headers) $@

%D%/cudart.map: %D%/local.mk Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	echo 'libcudart.so.$(CUDA_MAJOR) { global: cuda*; __cuda*; local: *; };' > $@

# One object in which everything but the API is local, so that nothing can collide with the application's names;
# without section groups, whose members the linker would otherwise share with the application's.
%D%/libcudart_static.a: $(%C%_libcudart_la_OBJECTS)
	$(AM_V_GEN)rm -f $@ && \
	objects=`echo $(%C%_libcudart_la_OBJECTS) | $(SED) 's,\([^ /]*\)\.lo,.libs/\1.o,g'` && \
	$(LD) -r --force-group-allocation -o %D%/cudart-static.o $$objects && \
	$(OBJDUMP:objdump=objcopy) --localize-hidden %D%/cudart-static.o && \
	$(AR) cr $@ %D%/cudart-static.o && rm -f %D%/cudart-static.o

# The same sources over the headers of CUDA 12, whose structures and some of whose calls differ. Not by libtool, which would
# have two libraries of one name install over one another.
if CUDART12
cuda12dir = $(vgpulibdir)/cuda12
vgpulib_DATA += %D%/12/libcudart.so.12
cuda12_DATA = %D%/12/libcudart_static.a
noinst_LTLIBRARIES += %D%/libcudart12.la
CLEANFILES += %D%/12/*.*

%C%_libcudart12_la_SOURCES = $(%C%_libcudart_la_SOURCES)
nodist_%C%_libcudart12_la_SOURCES = %D%/12/unsupported.c
%C%_libcudart12_la_CPPFLAGS = $(AM_CPPFLAGS) -isystem $(CUDA12_DIR)/include
%C%_libcudart12_la_CFLAGS = $(%C%_libcudart_la_CFLAGS)
%C%_libcudart12_la_CXXFLAGS = $(%C%_libcudart_la_CXXFLAGS)
BUILT_SOURCES += %D%/12/error-names.inc %D%/12/call-versions.inc

%D%/12/libcudart.so.12: %D%/libcudart12.la
	$(AM_V_CCLD)echo 'libcudart.so.12 { global: cuda*; __cuda*; local: *; };' > %D%/12/cudart.map && \
	$(CC) -shared $(CFLAGS) $(cudart_sanitize) $(LDFLAGS) -Wl,-soname,libcudart.so.12 -Wl,--version-script=%D%/12/cudart.map -Wl,-z,defs -o $@ \
	-Wl,--whole-archive %D%/.libs/libcudart12.a -Wl,--no-whole-archive -ldl -lpthread

%D%/12/libcudart_static.a: %D%/libcudart12.la
	$(AM_V_GEN)rm -f $@ && \
	$(LD) -r --force-group-allocation -o %D%/12/cudart-static.o --whole-archive %D%/.libs/libcudart12.a && \
	$(OBJDUMP:objdump=objcopy) --localize-hidden %D%/12/cudart-static.o && \
	$(AR) cr $@ %D%/12/cudart-static.o && rm -f %D%/12/cudart-static.o
endif
