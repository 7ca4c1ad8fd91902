# SPDX-License-Identifier: Apache-2.0
# The CUDA programs that must run. Each is compiled once and linked twice: NAME-shared against libcudart.so, as
# `nvcc -cudart shared` does, and NAME-static with our archive, as `nvcc -L<dir>` does. Device code is PTX only.
cuda_runtime_programs = \
	algorithms array-codes array-copies broken-image call-codes capture-codes constant-memory copy-2d copy-behind-kernel device-array device-cases \
	device-features device-printf \
	error-codes exit-handlers fork-after graph-nodes graphs histogram host-cases host-functions ipc ipc-events ipc-pools \
	jacobi launch-blocking managed managed-codes managed-structures managed-threads mapped-memory matmul-tiled memory-quota module-loading pageable-copies patterns pipelines plugins \
	reduce-shuffle relocatable runtime-calls streams-overlap tensor-cores texture-filtering textures thread-streams thrust-sort two-devices vector-add visible-devices wrong-runtime-calls
# Those that call a CUDA library need one beside the software GPU.
cuda_library_programs = $(if $(OPENBLAS),blas blas-lt) $(if $(FFTW),fft) rand
cuda_all_runtime_programs = $(cuda_runtime_programs) $(cuda_library_programs) thread-streams-per-thread
# Some once more as nvcc 12 compiles them: by the headers of CUDA 12, over libcudart.so.12 and its archive.
cuda12_programs = constant-memory error-codes graphs managed runtime-calls textures
# The driver API alone: one link of each, NAME.
cuda_driver_programs = batch-calls cluster-calls context-calls device-calls driver-ptx enumerate fill-calls function-calls graph-changes graph-memory green-contexts launch-attributes legacy-launch linker logs own-streams plain-values shareable-handles stream-values texture-references vmm wrong-arrays wrong-calls wrong-graphs wrong-handles wrong-memory wrong-modules wrong-newer wrong-old wrong-sizes
# What people write CUDA for, a file each, which computes and checks itself: samples/NAME.cu becomes NAME-shared alone, since
# the links differ in nothing that a computation could meet.
cuda_samples = $(patsubst $(srcdir)/%D%/samples/%.cu,%,$(wildcard $(srcdir)/%D%/samples/*.cu))
cuda_sources = %D%/blas.cu %D%/blas-lt.cu %D%/fft.cu %D%/rand.cu $(cuda_runtime_programs:%=%D%/%.cu) $(cuda_driver_programs:%=%D%/%.cc) %D%/majors.cc %D%/majors-part.cc \
	%D%/mpi-ranks.cu %D%/nvrtc.cc %D%/relocatable-other.cu %D%/round-trips.cc $(cuda_samples:%=%D%/samples/%.cu)
EXTRA_DIST += %D%/array.h %D%/cases.h %D%/check.h %D%/driver-symbol.h %D%/driver.h %D%/in-child.h %D%/plugin.h %D%/two-processes.h %D%/wrong.h %D%/wrong-driver.h %D%/plugin.cu %D%/cudart.bats $(cuda_sources)
BATS_TESTS += %D%/cudart.bats
check_DATA =

if HAVE_NVCC
cuda_programs = $(cuda_all_runtime_programs:%=%D%/%-shared) $(cuda_all_runtime_programs:%=%D%/%-static) \
	$(cuda_samples:%=%D%/%-shared) $(cuda_driver_programs:%=%D%/%) %D%/nvrtc-shared %D%/nvrtc-static %D%/round-trips %D%/vector-add-nvidia %D%/vector-add-nvidia-stripped %D%/plugin-1.so %D%/plugin-2.so
cuda_programs += $(if $(MPICC),%D%/mpi-ranks-shared %D%/mpi-ranks-static)
check_DATA += $(cuda_programs)
CLEANFILES += $(cuda_programs) %D%/*.o %D%/samples/*.o %D%/stub/libcuda.so
endif

if CUDART12
if HAVE_NVCC
cuda_programs12 = $(cuda12_programs:%=%D%/%-12-shared) $(cuda12_programs:%=%D%/%-12-static)
check_DATA += $(cuda_programs12)
CLEANFILES += $(cuda_programs12) %D%/12/crt/host_runtime.h
endif
majors_programs = %D%/majors %D%/majors-12.so %D%/majors-13.so
check_DATA += $(majors_programs)
CLEANFILES += $(majors_programs)
endif

cuda_nvcc = $(NVCC) -std=c++17 -O1 -gencode arch=$(cuda_arch),code=$(cuda_arch)
cuda_arch = compute_75
%D%/device-features.o %D%/tensor-cores.o %D%/samples/async-tiles.o %D%/samples/arrivals.o %D%/samples/half-kinds.o: cuda_arch = compute_80
# The toolkit made of wheels has only one of the two.
cuda_libraries = -L$(CUDA_HOME_DIR)/lib64 -L$(CUDA_HOME_DIR)/lib
cuda_archive = remoting/cudart/libcudart_static.a
# RUNPATH, which comes after LD_LIBRARY_PATH: an RPATH would find NVIDIA's runtime before ours.
cuda_runpath = -Wl,--enable-new-dtags,-rpath,$(CUDA_HOME_DIR)/lib64:$(CUDA_HOME_DIR)/lib
cuda_objects = $(patsubst %,%D%/%.o,$(cuda_runtime_programs) $(cuda_library_programs))
# The wrappers' names are the vendor's.
%D%/blas-shared %D%/blas-static: cuda_more = -Lremoting/libs/.libs -lcublas
%D%/blas-shared %D%/blas-static: remoting/libs/libcublas.la
%D%/blas-lt-shared %D%/blas-lt-static: cuda_more = -Lremoting/libs/.libs -lcublasLt -lcublas
%D%/blas-lt-shared %D%/blas-lt-static: remoting/libs/libcublas.la remoting/libs/libcublasLt.la
%D%/rand-shared %D%/rand-static: cuda_more = -Lremoting/libs/.libs -lcurand
%D%/rand-shared %D%/rand-static: remoting/libs/libcurand.la
%D%/fft-shared %D%/fft-static: cuda_more = -Lremoting/libs/.libs -lcufft
%D%/fft-shared %D%/fft-static: remoting/libs/libcufft.la

$(cuda_objects): %D%/%.o: %D%/%.cu %D%/array.h %D%/cases.h %D%/check.h %D%/driver-symbol.h %D%/in-child.h %D%/plugin.h %D%/wrong.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(cuda_nvcc) $(cuda_how) -c $< -o $@

%D%/thread-streams-per-thread.o: %D%/thread-streams.cu %D%/check.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(cuda_nvcc) -default-stream per-thread -c $< -o $@

# Device code of two files, which nvcc links too.
%D%/relocatable.o: cuda_how = -rdc=true
%D%/relocatable-other.o: %D%/relocatable-other.cu %D%/check.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(cuda_nvcc) -rdc=true -c $< -o $@
%D%/relocatable-shared %D%/relocatable-static: cuda_more = %D%/relocatable-other.o -rdc=true -gencode arch=$(cuda_arch),code=$(cuda_arch)
%D%/relocatable-shared %D%/relocatable-static: %D%/relocatable-other.o

# This nvcc's own idea of how a kernel is launched has a parameter more than that header's; the rest is as nvcc 12 has it.
%D%/12/crt/host_runtime.h: $(CUDA12_DIR)/include/crt/host_runtime.h
	$(AM_V_GEN)$(MKDIR_P) %D%/12/crt && $(SED) 's/define __cudaLaunch(fun)/define __cudaLaunch(fun, tile)/' $< >$@

$(cuda12_programs:%=%D%/%-12.o): %D%/%-12.o: %D%/%.cu %D%/12/crt/host_runtime.h %D%/array.h %D%/cases.h %D%/check.h
	$(AM_V_GEN)$(cuda_nvcc) -I%D%/12 -I$(CUDA12_DIR)/include -I$(CUDA12_DIR)/include/crt -c $< -o $@

$(cuda12_programs:%=%D%/%-12-shared): %D%/%-12-shared: %D%/%-12.o remoting/cudart/12/libcudart.so.12
	$(AM_V_GEN)$(NVCC) -cudart none $< -Xlinker remoting/cudart/12/libcudart.so.12 -o $@

$(cuda12_programs:%=%D%/%-12-static): %D%/%-12-static: %D%/%-12.o remoting/cudart/12/libcudart_static.a
	$(AM_V_GEN)$(NVCC) -cudart none $< remoting/cudart/12/libcudart_static.a -o $@

$(cuda_all_runtime_programs:%=%D%/%-shared): %D%/%-shared: %D%/%.o
	$(AM_V_GEN)$(NVCC) -cudart shared $(cuda_more) $(cuda_libraries) $< -o $@

$(cuda_samples:%=%D%/samples/%.o): %D%/samples/%.o: %D%/samples/%.cu %D%/array.h %D%/check.h
	$(AM_V_GEN)$(MKDIR_P) %D%/samples && $(cuda_nvcc) -extended-lambda -I$(srcdir)/%D% -c $< -o $@

$(cuda_samples:%=%D%/%-shared): %D%/%-shared: %D%/samples/%.o
	$(AM_V_GEN)$(NVCC) -cudart shared $(cuda_libraries) $< -o $@

# nvcc's own choice, -lcudart_static, found in our folder first.
$(cuda_all_runtime_programs:%=%D%/%-static): %D%/%-static: %D%/%.o $(cuda_archive)
	$(AM_V_GEN)$(NVCC) -Lremoting/cudart $(cuda_more) $< -o $@

# What plugins opens, wherever it lies.
%D%/plugin-1.so %D%/plugin-2.so: %D%/plugin-%.so: %D%/plugin.cu %D%/plugin.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(cuda_nvcc) -DPLUGIN=$* -shared -Xcompiler -fPIC -cudart shared $(cuda_libraries) $< -o $@

# The programs that cannot be carried, to see that they are recognised: the vendor's static runtime.
%D%/vector-add-nvidia: %D%/vector-add.o
	$(AM_V_GEN)$(NVCC) -cudart static $(cuda_libraries) $< -o $@

%D%/vector-add-nvidia-stripped: %D%/vector-add-nvidia
	$(AM_V_GEN)$(STRIP) -s -o $@ $<

%D%/mpi-ranks.o: %D%/mpi-ranks.cu %D%/check.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(cuda_nvcc) -ccbin $(MPICC:mpicc=mpicxx) -c $< -o $@

%D%/mpi-ranks-shared: %D%/mpi-ranks.o
	$(AM_V_GEN)$(NVCC) -ccbin $(MPICC:mpicc=mpicxx) -cudart shared $(cuda_libraries) $< -o $@

%D%/mpi-ranks-static: %D%/mpi-ranks.o $(cuda_archive)
	$(AM_V_GEN)$(NVCC) -ccbin $(MPICC:mpicc=mpicxx) -Lremoting/cudart $< -o $@

cuda_driver_objects = $(cuda_driver_programs:%=%D%/%.o)

$(cuda_driver_objects): %D%/%.o: %D%/%.cc %D%/check.h %D%/driver.h %D%/wrong.h %D%/wrong-driver.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(CXX) -std=c++17 -O1 $(CUDA_CPPFLAGS) -c $< -o $@

%D%/ipc.o %D%/ipc-events.o %D%/ipc-pools.o %D%/shareable-handles.o: %D%/two-processes.h

%D%/round-trips.o: %D%/round-trips.cc %D%/check.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(CXX) -std=c++17 -O1 $(CUDA_CPPFLAGS) -c $< -o $@

%D%/nvrtc.o: %D%/nvrtc.cc %D%/check.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(CXX) -std=c++17 -O1 $(CUDA_CPPFLAGS) -c $< -o $@

# What a machine without a driver links against: a library of the driver's name that has the names in use.
%D%/stub/libcuda.so: $(cuda_driver_objects) %D%/nvrtc.o %D%/round-trips.o
	$(AM_V_GEN)$(MKDIR_P) %D%/stub && $(NM) -u $(cuda_driver_objects) %D%/nvrtc.o %D%/round-trips.o | \
	$(SED) -n 's/^ *U \(cu[A-Z][A-Za-z0-9_]*\)$$/\1/p' | sort -u | $(SED) 's/.*/int &(void) { return 999; }/' | \
	$(CC) -shared -fPIC -Wl,-soname,libcuda.so.1 -x c -o $@ -

$(cuda_driver_programs:%=%D%/%): %D%/%: %D%/%.o %D%/stub/libcuda.so
	$(AM_V_GEN)$(CXX) $< -L%D%/stub -lcuda -ldl -lpthread -o $@

%D%/round-trips: %D%/round-trips.o %D%/stub/libcuda.so
	$(AM_V_GEN)$(CXX) %D%/round-trips.o -L%D%/stub -lcuda -o $@

cuda_nvrtc = -L%D%/stub -lcuda $(cuda_libraries) $(cuda_runpath) -lnvrtc

%D%/nvrtc-shared: %D%/nvrtc.o %D%/stub/libcuda.so
	$(AM_V_GEN)$(CXX) %D%/nvrtc.o $(cuda_nvrtc) -lcudart -o $@

%D%/nvrtc-static: %D%/nvrtc.o %D%/stub/libcuda.so $(cuda_archive)
	$(AM_V_GEN)$(CXX) %D%/nvrtc.o $(cuda_nvrtc) $(cuda_archive) -ldl -lpthread -o $@

%D%/majors: %D%/majors.cc %D%/check.h
	$(AM_V_GEN)$(MKDIR_P) %D% && $(CXX) -std=c++17 -O1 $< -ldl -o $@

# Two runtimes in one process: a part compiled with the headers of each.
majors_part = $(MKDIR_P) %D% && $(CXX) -std=c++17 -O1 -fvisibility=hidden -fPIC -shared $(srcdir)/%D%/majors-part.cc

%D%/majors-12.so: %D%/majors-part.cc %D%/check.h remoting/cudart/12/libcudart.so.12
	$(AM_V_GEN)$(majors_part) -isystem $(CUDA12_DIR)/include remoting/cudart/12/libcudart.so.12 -o $@

%D%/majors-13.so: %D%/majors-part.cc %D%/check.h remoting/cudart/libcudart.la
	$(AM_V_GEN)$(majors_part) $(CUDA_CPPFLAGS) remoting/cudart/.libs/libcudart.so.13 -o $@
