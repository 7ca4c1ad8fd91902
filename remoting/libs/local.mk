# SPDX-License-Identifier: Apache-2.0
# The wrappers of the CUDA libraries, and recording libraries of the same ABI beside the null driver. All of it is generated from
# the .api files; no header of the libraries is needed.
libs_scripts = %D%/generate.py %D%/library.py %D%/tabled.py %D%/write.py
EXTRA_DIST += $(libs_scripts) $(libs_names:%=%D%/%.api)
libs_names = cublas cublaslt cudnn cufft curand cusolver cusparse
libs_generated = $(foreach one,$(libs_names),$(libs_files:%=%D%/$(one)/%))
libs_manuals = $(libs_names:%=%D%/%/manual.man)
libs_files = client.cc server.cc check.cc record.cc calls.inc manual.man
BUILT_SOURCES += $(libs_generated) $(libs_names:%=%D%/%/generated.stamp)
CLEANFILES += $(libs_generated) $(libs_names:%=%D%/%/generated.stamp) $(libs_names:%=%D%/%/*.map)

# The manual says which tests call a function.
libs_tests = tests/cuda/blas.cu tests/cuda/blas-lt.cu tests/cuda/fft.cu tests/cuda/rand.cu tests/round-trips.bats %D%/libs.bats \
	%D%/cublaslt-calls.inc %D%/cudnn-calls.inc
%D%/%/generated.stamp: %D%/%.api $(libs_scripts) remoting/api/tested.py $(libs_tests)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(PYTHON) $(srcdir)/%D%/generate.py --out $(@D) --tests $(srcdir) $< && touch $@

# Written only when they change: make looks at the stamp, and compiles nothing anew that is as it was.
$(libs_generated): $(libs_names:%=%D%/%/generated.stamp)
	@test -f $@ || { rm -f $(@D)/generated.stamp; $(MAKE) $(AM_MAKEFLAGS) $(@D)/generated.stamp; }

# Loaded into applications: nothing of libstdc++ may come from, or go to, them.
libs_link = $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link $(CC) $(CFLAGS) $(VGPU_SANITIZE)
libs_link_end = $(LDFLAGS) -static-libgcc -Wl,`$(CXX) -print-file-name=libstdc++.a` -o $@
# Every one has the version node of its soname; the folders of cublaslt and the like are in lower case.
%D%/%.map: %D%/local.mk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && node=`$(SED) -n 's/^library //p' $(srcdir)/$(@D).api | $(SED) 's/ .*//'`.so.$(*F) && \
	echo "$$node { global: cu*; $(libs_names_beside) vgpuLibraryVersion; local: *; };" > $@
%D%/cufft/11.map: libs_names_beside = __cufftXtSetJITCallback_12_7;

# ---- cuBLAS
vgpulib_LTLIBRARIES += %D%/libcublas.la
%C%_libcublas_la_SOURCES = %D%/cublas-common.cc %D%/cublas-common.h %D%/cublas-status.cc %D%/cublas-status.h %D%/cublas.cc %D%/major.cc $(libs_tabled)
nodist_%C%_libcublas_la_SOURCES = %D%/cublas/client.cc
%C%_libcublas_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_MAJOR=13
%C%_libcublas_la_LIBADD = remoting/base/libbase.la -lpthread -ldl
%C%_libcublas_la_LDFLAGS = -version-info 13:0:0 -Wl,--version-script=%D%/cublas/13.map $(libs_ldflags)
libs_ldflags = $(libs_complete) -Wl,-z,nodelete -Wl,-Bsymbolic-functions
# clang's sanitizers are in the program alone.
if !FUZZERS
libs_complete = -Wl,-z,defs
endif
%C%_libcublas_la_LINK = $(libs_link) $(%C%_libcublas_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_libcublas_la_DEPENDENCIES = %D%/cublas/13.map

# The same for programs of CUDA 12, whose libraries have no function that 13 lacks; not by libtool, which would have two libraries of
# one name install over one another.
vgpulib_DATA += %D%/12/libcublas.so.12 %D%/12/libcublasLt.so.12 %D%/12/libcufft.so.11 %D%/12/libcusolver.so.11
CLEANFILES += %D%/12/*
libs_twelve = $(AM_V_CCLD)$(MKDIR_P) $(@D) && \
	$(CXX) $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_MAJOR=$(subst .,,$(suffix $@)) $(AM_CXXFLAGS) $(CXXFLAGS) -fPIC \
	  -c $(srcdir)/%D%/major.cc -o $@.major.o && \
	objects=`echo $(filter-out %major.lo,$(libs_twelve_objects)) | $(SED) 's,\([^ /]*\)\.lo,.libs/\1.o,g'` && \
	$(CC) -shared $(CFLAGS) $(VGPU_SANITIZE) -Wl,-soname,$(@F) -Wl,--version-script=$(libs_twelve_map) $(libs_ldflags) \
	  $$objects $@.major.o remoting/base/.libs/libbase.a -lpthread -ldl $(libs_link_end)
%D%/12/libcublas.so.12: libs_twelve_objects = $(%C%_libcublas_la_OBJECTS)
%D%/12/libcublas.so.12: libs_twelve_map = %D%/cublas/12.map
%D%/12/libcublas.so.12: %D%/libcublas.la %D%/cublas/12.map %D%/major.cc
	$(libs_twelve)
%D%/12/libcublasLt.so.12: libs_twelve_objects = $(%C%_libcublasLt_la_OBJECTS)
%D%/12/libcublasLt.so.12: libs_twelve_map = %D%/cublaslt/12.map
%D%/12/libcublasLt.so.12: %D%/libcublasLt.la %D%/cublaslt/12.map %D%/major.cc
	$(libs_twelve)
%D%/12/libcufft.so.11: libs_twelve_objects = $(%C%_libcufft_la_OBJECTS)
%D%/12/libcufft.so.11: libs_twelve_map = %D%/cufft/11.map
%D%/12/libcufft.so.11: %D%/libcufft.la %D%/cufft/11.map %D%/major.cc
	$(libs_twelve)
%D%/12/libcusolver.so.11: libs_twelve_objects = $(%C%_libcusolver_la_OBJECTS)
%D%/12/libcusolver.so.11: libs_twelve_map = %D%/cusolver/11.map
%D%/12/libcusolver.so.11: %D%/libcusolver.la %D%/cusolver/11.map %D%/major.cc
	$(libs_twelve)

vgpunull_LTLIBRARIES += %D%/null/libcublas.la
%C%_null_libcublas_la_SOURCES = %D%/cublas-record.cc $(libs_tabled_record)
nodist_%C%_null_libcublas_la_SOURCES = %D%/cublas/record.cc
%C%_null_libcublas_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_null_libcublas_la_LIBADD = remoting/base/libbase.la
%C%_null_libcublas_la_LDFLAGS = -version-info 13:0:0 -Wl,--version-script=%D%/cublas/13.map $(libs_ldflags)
%C%_null_libcublas_la_LINK = $(libs_link) $(%C%_null_libcublas_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_null_libcublas_la_DEPENDENCIES = %D%/cublas/13.map

# ---- cuBLASLt
libs_cublaslt = %D%/cublas-status.cc %D%/cublas-status.h %D%/cublaslt-common.cc %D%/cublaslt-descriptors.cc %D%/cublaslt-descriptors.h \
	remoting/api/cublaslt.h
vgpulib_LTLIBRARIES += %D%/libcublasLt.la
%C%_libcublasLt_la_SOURCES = $(libs_cublaslt) %D%/cublaslt.cc %D%/major.cc %D%/wrapper.cc %D%/wrapper.h
nodist_%C%_libcublasLt_la_SOURCES = %D%/cublaslt/client.cc
%C%_libcublasLt_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_MAJOR=13
%C%_libcublasLt_la_LIBADD = remoting/base/libbase.la -lpthread -ldl
%C%_libcublasLt_la_LDFLAGS = -version-info 13:0:0 -Wl,--version-script=%D%/cublaslt/13.map $(libs_ldflags)
%C%_libcublasLt_la_LINK = $(libs_link) $(%C%_libcublasLt_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_libcublasLt_la_DEPENDENCIES = %D%/cublaslt/13.map

vgpunull_LTLIBRARIES += %D%/null/libcublasLt.la
%C%_null_libcublasLt_la_SOURCES = $(libs_cublaslt) %D%/cublaslt-record.h %D%/record.cc %D%/record.h nulldriver/record.cc nulldriver/record.h
nodist_%C%_null_libcublasLt_la_SOURCES = %D%/cublaslt/record.cc
%C%_null_libcublasLt_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_null_libcublasLt_la_LIBADD = remoting/base/libbase.la
%C%_null_libcublasLt_la_LDFLAGS = -version-info 13:0:0 -Wl,--version-script=%D%/cublaslt/13.map $(libs_ldflags)
%C%_null_libcublasLt_la_LINK = $(libs_link) $(%C%_null_libcublasLt_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_null_libcublasLt_la_DEPENDENCIES = %D%/cublaslt/13.map

# ---- cuDNN
vgpulib_LTLIBRARIES += %D%/libcudnn.la
%C%_libcudnn_la_SOURCES = %D%/cudnn-common.cc %D%/cudnn.cc %D%/major.cc $(libs_tabled) remoting/api/cudnn.h
nodist_%C%_libcudnn_la_SOURCES = %D%/cudnn/client.cc
%C%_libcudnn_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_MAJOR=9
%C%_libcudnn_la_LIBADD = remoting/base/libbase.la -lpthread -ldl
%C%_libcudnn_la_LDFLAGS = -version-info 9:0:0 -Wl,--version-script=%D%/cudnn/9.map $(libs_ldflags)
%C%_libcudnn_la_LINK = $(libs_link) $(%C%_libcudnn_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_libcudnn_la_DEPENDENCIES = %D%/cudnn/9.map

vgpunull_LTLIBRARIES += %D%/null/libcudnn.la
%C%_null_libcudnn_la_SOURCES = %D%/cudnn-common.cc %D%/cudnn-record.cc %D%/cudnn-record.h $(libs_tabled_record)
nodist_%C%_null_libcudnn_la_SOURCES = %D%/cudnn/record.cc
%C%_null_libcudnn_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_null_libcudnn_la_LIBADD = remoting/base/libbase.la
%C%_null_libcudnn_la_LDFLAGS = -version-info 9:0:0 -Wl,--version-script=%D%/cudnn/9.map $(libs_ldflags)
%C%_null_libcudnn_la_LINK = $(libs_link) $(%C%_null_libcudnn_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_null_libcudnn_la_DEPENDENCIES = %D%/cudnn/9.map

# ---- cuRAND
vgpulib_LTLIBRARIES += %D%/libcurand.la
%C%_libcurand_la_SOURCES = %D%/major.cc $(libs_tabled)
nodist_%C%_libcurand_la_SOURCES = %D%/curand/client.cc
%C%_libcurand_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_MAJOR=10
%C%_libcurand_la_LIBADD = remoting/base/libbase.la -lpthread -ldl
%C%_libcurand_la_LDFLAGS = -version-info 10:0:0 -Wl,--version-script=%D%/curand/10.map $(libs_ldflags)
%C%_libcurand_la_LINK = $(libs_link) $(%C%_libcurand_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_libcurand_la_DEPENDENCIES = %D%/curand/10.map

vgpunull_LTLIBRARIES += %D%/null/libcurand.la
%C%_null_libcurand_la_SOURCES = $(libs_tabled_record)
nodist_%C%_null_libcurand_la_SOURCES = %D%/curand/record.cc
%C%_null_libcurand_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_null_libcurand_la_LIBADD = remoting/base/libbase.la
%C%_null_libcurand_la_LDFLAGS = -version-info 10:0:0 -Wl,--version-script=%D%/curand/10.map $(libs_ldflags)
%C%_null_libcurand_la_LINK = $(libs_link) $(%C%_null_libcurand_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_null_libcurand_la_DEPENDENCIES = %D%/curand/10.map

# What every library has that is described by tables.
libs_tabled = %D%/tabled.cc %D%/tabled.h %D%/wrapper.cc %D%/wrapper.h
libs_tabled_record = %D%/record.cc %D%/record.h %D%/tabled-record.cc %D%/tabled-record.h nulldriver/record.cc nulldriver/record.h

# ---- cuFFT
vgpulib_LTLIBRARIES += %D%/libcufft.la
%C%_libcufft_la_SOURCES = %D%/cufft.cc %D%/major.cc $(libs_tabled)
nodist_%C%_libcufft_la_SOURCES = %D%/cufft/client.cc
%C%_libcufft_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_MAJOR=12
%C%_libcufft_la_LIBADD = remoting/base/libbase.la -lpthread -ldl
%C%_libcufft_la_LDFLAGS = -version-info 12:0:0 -Wl,--version-script=%D%/cufft/12.map $(libs_ldflags)
%C%_libcufft_la_LINK = $(libs_link) $(%C%_libcufft_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_libcufft_la_DEPENDENCIES = %D%/cufft/12.map

vgpunull_LTLIBRARIES += %D%/null/libcufft.la
%C%_null_libcufft_la_SOURCES = $(libs_tabled_record)
nodist_%C%_null_libcufft_la_SOURCES = %D%/cufft/record.cc
%C%_null_libcufft_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_null_libcufft_la_LIBADD = remoting/base/libbase.la
%C%_null_libcufft_la_LDFLAGS = -version-info 12:0:0 -Wl,--version-script=%D%/cufft/12.map $(libs_ldflags)
%C%_null_libcufft_la_LINK = $(libs_link) $(%C%_null_libcufft_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_null_libcufft_la_DEPENDENCIES = %D%/cufft/12.map

# ---- cuSOLVER
vgpulib_LTLIBRARIES += %D%/libcusolver.la
%C%_libcusolver_la_SOURCES = %D%/cusolver.cc %D%/major.cc $(libs_tabled)
nodist_%C%_libcusolver_la_SOURCES = %D%/cusolver/client.cc
%C%_libcusolver_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_MAJOR=12
%C%_libcusolver_la_LIBADD = remoting/base/libbase.la -lpthread -ldl
%C%_libcusolver_la_LDFLAGS = -version-info 12:0:0 -Wl,--version-script=%D%/cusolver/12.map $(libs_ldflags)
%C%_libcusolver_la_LINK = $(libs_link) $(%C%_libcusolver_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_libcusolver_la_DEPENDENCIES = %D%/cusolver/12.map

vgpunull_LTLIBRARIES += %D%/null/libcusolver.la
%C%_null_libcusolver_la_SOURCES = $(libs_tabled_record)
nodist_%C%_null_libcusolver_la_SOURCES = %D%/cusolver/record.cc
%C%_null_libcusolver_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_null_libcusolver_la_LIBADD = remoting/base/libbase.la
%C%_null_libcusolver_la_LDFLAGS = -version-info 12:0:0 -Wl,--version-script=%D%/cusolver/12.map $(libs_ldflags)
%C%_null_libcusolver_la_LINK = $(libs_link) $(%C%_null_libcusolver_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_null_libcusolver_la_DEPENDENCIES = %D%/cusolver/12.map

# ---- cuSPARSE
vgpulib_LTLIBRARIES += %D%/libcusparse.la
%C%_libcusparse_la_SOURCES = %D%/cusparse.cc %D%/major.cc $(libs_tabled)
nodist_%C%_libcusparse_la_SOURCES = %D%/cusparse/client.cc
%C%_libcusparse_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_MAJOR=12
%C%_libcusparse_la_LIBADD = remoting/base/libbase.la -lpthread -ldl
%C%_libcusparse_la_LDFLAGS = -version-info 12:0:0 -Wl,--version-script=%D%/cusparse/12.map $(libs_ldflags)
%C%_libcusparse_la_LINK = $(libs_link) $(%C%_libcusparse_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_libcusparse_la_DEPENDENCIES = %D%/cusparse/12.map

vgpunull_LTLIBRARIES += %D%/null/libcusparse.la
%C%_null_libcusparse_la_SOURCES = $(libs_tabled_record)
nodist_%C%_null_libcusparse_la_SOURCES = %D%/cusparse/record.cc
%C%_null_libcusparse_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_null_libcusparse_la_LIBADD = remoting/base/libbase.la
%C%_null_libcusparse_la_LDFLAGS = -version-info 12:0:0 -Wl,--version-script=%D%/cusparse/12.map $(libs_ldflags)
%C%_null_libcusparse_la_LINK = $(libs_link) $(%C%_null_libcusparse_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_null_libcusparse_la_DEPENDENCIES = %D%/cusparse/12.map

# ---- beside the software GPU
EXTRA_DIST += %D%/soft/cublas.served %D%/soft/cublaslt.served
if HAVE_OPENBLAS
vgpusoft_LTLIBRARIES += %D%/soft/libcublas.la %D%/soft/libcublasLt.la
BUILT_SOURCES += %D%/cublas/soft.cc %D%/cublaslt/soft.cc
CLEANFILES += %D%/cublas/soft.cc %D%/cublaslt/soft.cc
endif
%D%/%/soft.cc: %D%/%.api %D%/soft/%.served $(libs_scripts)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(PYTHON) $(srcdir)/%D%/generate.py --out $(@D) --served $(srcdir)/%D%/soft/$*.served \
	  $(srcdir)/%D%/$*.api && touch $@
%C%_soft_libcublas_la_SOURCES = %D%/cublas-common.cc %D%/cublas-common.h %D%/cublas-status.cc %D%/cublas-status.h %D%/soft/cblas-types.h %D%/soft/cublas.cc %D%/soft/cublas.h \
	%D%/soft/gemm-types.cc %D%/soft/gemm-types.h %D%/soft/half.h %D%/soft/work.cc %D%/soft/work.h
nodist_%C%_soft_libcublas_la_SOURCES = %D%/cublas/soft.cc
%C%_soft_libcublas_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) $(OPENBLAS_CFLAGS)
%C%_soft_libcublas_la_LIBADD = remoting/base/libbase.la $(OPENBLAS_LIBS) -lpthread -ldl -lm
%C%_soft_libcublas_la_LDFLAGS = -version-info 13:0:0 -Wl,--version-script=%D%/cublas/13.map $(libs_ldflags)
%C%_soft_libcublas_la_LINK = $(libs_link) $(%C%_soft_libcublas_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_soft_libcublas_la_DEPENDENCIES = %D%/cublas/13.map

%C%_soft_libcublasLt_la_SOURCES = $(libs_cublaslt) %D%/soft/cblas-types.h %D%/soft/cublaslt.cc %D%/soft/cublaslt.h %D%/soft/gemm-types.cc \
	%D%/soft/gemm-types.h %D%/soft/half.h %D%/soft/work.cc %D%/soft/work.h
nodist_%C%_soft_libcublasLt_la_SOURCES = %D%/cublaslt/soft.cc
%C%_soft_libcublasLt_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) $(OPENBLAS_CFLAGS)
%C%_soft_libcublasLt_la_LIBADD = remoting/base/libbase.la $(OPENBLAS_LIBS) -lpthread -ldl -lm
%C%_soft_libcublasLt_la_LDFLAGS = -version-info 13:0:0 -Wl,--version-script=%D%/cublaslt/13.map $(libs_ldflags)
%C%_soft_libcublasLt_la_LINK = $(libs_link) $(%C%_soft_libcublasLt_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_soft_libcublasLt_la_DEPENDENCIES = %D%/cublaslt/13.map

EXTRA_DIST += %D%/soft/cufft.served
if HAVE_FFTW
vgpusoft_LTLIBRARIES += %D%/soft/libcufft.la
BUILT_SOURCES += %D%/cufft/soft.cc
CLEANFILES += %D%/cufft/soft.cc
endif
%C%_soft_libcufft_la_SOURCES = %D%/soft/cufft.cc %D%/soft/cufft.h %D%/soft/fft-plan.cc %D%/soft/fft-plan.h %D%/soft/work.cc %D%/soft/work.h
nodist_%C%_soft_libcufft_la_SOURCES = %D%/cufft/soft.cc
%C%_soft_libcufft_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) $(FFTW_CFLAGS)
%C%_soft_libcufft_la_LIBADD = remoting/base/libbase.la $(FFTW_LIBS) -lpthread -ldl -lm
%C%_soft_libcufft_la_LDFLAGS = -version-info 12:0:0 -Wl,--version-script=%D%/cufft/12.map $(libs_ldflags)
%C%_soft_libcufft_la_LINK = $(libs_link) $(%C%_soft_libcufft_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_soft_libcufft_la_DEPENDENCIES = %D%/cufft/12.map

EXTRA_DIST += %D%/soft/curand.served
vgpusoft_LTLIBRARIES += %D%/soft/libcurand.la
BUILT_SOURCES += %D%/curand/soft.cc
CLEANFILES += %D%/curand/soft.cc
%C%_soft_libcurand_la_SOURCES = %D%/soft/curand.cc %D%/soft/curand.h %D%/soft/random.cc %D%/soft/random.h %D%/soft/work.cc %D%/soft/work.h
nodist_%C%_soft_libcurand_la_SOURCES = %D%/curand/soft.cc
%C%_soft_libcurand_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_soft_libcurand_la_LIBADD = remoting/base/libbase.la -lpthread -ldl -lm
%C%_soft_libcurand_la_LDFLAGS = -version-info 10:0:0 -Wl,--version-script=%D%/curand/10.map $(libs_ldflags)
%C%_soft_libcurand_la_LINK = $(libs_link) $(%C%_soft_libcurand_la_LDFLAGS) $(libs_link_end)
EXTRA_%C%_soft_libcurand_la_DEPENDENCIES = %D%/curand/10.map

# ---- the tests
if HAVE_GTEST
check_PROGRAMS += %D%/soft/unit-random
UNIT_TESTS += %D%/soft/unit-random
endif
%C%_soft_unit_random_SOURCES = %D%/soft/random-test.cc %D%/soft/random.cc %D%/soft/random.h
%C%_soft_unit_random_LDADD = -lgtest -lgtest_main -lpthread
check_PROGRAMS += %D%/cublas-calls
%C%_cublas_calls_SOURCES = %D%/library-calls.cc
%C%_cublas_calls_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_CALLS='"%D%/cublas/calls.inc"'
%C%_cublas_calls_LDADD = -ldl
check_PROGRAMS += %D%/cublaslt-calls
%C%_cublaslt_calls_SOURCES = %D%/library-calls.cc %D%/cublaslt-calls.inc
%C%_cublaslt_calls_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_CALLS='"%D%/cublaslt/calls.inc"'
%C%_cublaslt_calls_LDADD = -ldl
check_PROGRAMS += %D%/cudnn-calls
%C%_cudnn_calls_SOURCES = %D%/library-calls.cc %D%/cudnn-calls.inc
%C%_cudnn_calls_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_CALLS='"%D%/cudnn/calls.inc"'
%C%_cudnn_calls_LDADD = -ldl
check_PROGRAMS += %D%/curand-calls
%C%_curand_calls_SOURCES = %D%/library-calls.cc
%C%_curand_calls_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_CALLS='"%D%/curand/calls.inc"'
%C%_curand_calls_LDADD = -ldl
check_PROGRAMS += %D%/cufft-calls
%C%_cufft_calls_SOURCES = %D%/library-calls.cc
%C%_cufft_calls_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_CALLS='"%D%/cufft/calls.inc"'
%C%_cufft_calls_LDADD = -ldl
check_PROGRAMS += %D%/cusolver-calls
%C%_cusolver_calls_SOURCES = %D%/library-calls.cc
%C%_cusolver_calls_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_CALLS='"%D%/cusolver/calls.inc"'
%C%_cusolver_calls_LDADD = -ldl
check_PROGRAMS += %D%/cusparse-calls
%C%_cusparse_calls_SOURCES = %D%/library-calls.cc
%C%_cusparse_calls_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) -DVGPU_LIBRARY_CALLS='"%D%/cusparse/calls.inc"'
%C%_cusparse_calls_LDADD = -ldl
BATS_TESTS += %D%/libs.bats
EXTRA_DIST += %D%/libs.bats %D%/sequence.py
