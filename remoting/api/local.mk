# SPDX-License-Identifier: Apache-2.0
# The parameter vocabulary is headers; what generate.py writes lies beside them in the build tree.
api_headers = %D%/array-format.h %D%/ipc-handle.h %D%/kinds.h %D%/launch-attributes.h %D%/cublaslt.h %D%/cudnn.h %D%/library-params.h %D%/library-rows.h %D%/library-table.h %D%/params.h %D%/resource.h %D%/scalars.h
api_scripts = %D%/generate.py %D%/spec.py %D%/header.py %D%/emit.py %D%/tested.py
api_descriptions = %D%/session.api %D%/cuda.api
api_generated = %D%/calls.h %D%/client-forwards.inc %D%/client-remote.inc %D%/client-stubs.inc %D%/server-table.inc \
	%D%/driver-table.inc %D%/coverage.inc %D%/shapes.inc %D%/coverage.man
EXTRA_DIST += $(api_headers) $(api_scripts) $(api_descriptions)
BUILT_SOURCES += $(api_generated)
CLEANFILES += $(api_generated) %D%/generated.stamp %D%/cuda-h.txt

# All versions of each function, under their symbols' real names.
%D%/cuda-h.txt: $(CUDA_HOME_DIR)/include/cuda.h
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	printf '%s\n' '#include <cuda.h>' '#if __has_include(<cudaProfiler.h>)' '#include <cudaProfiler.h>' '#endif' | \
	$(CXX) -x c++ -E -P -D__CUDA_API_VERSION_INTERNAL $(CUDA_CPPFLAGS) -o $@.new - && mv $@.new $@

%D%/generated.stamp: $(api_scripts) $(api_descriptions) %D%/cuda-h.txt $(cuda_sources)
	$(AM_V_GEN)$(PYTHON) $(srcdir)/%D%/generate.py --preprocessed %D%/cuda-h.txt \
	  --header $(CUDA_HOME_DIR)/include/cuda.h --out %D% --tests $(srcdir) \
	  $(srcdir)/%D%/session.api $(srcdir)/%D%/cuda.api && touch $@

# Written only when they change: make looks at the stamp, and compiles nothing anew that is as it was.
$(api_generated): %D%/generated.stamp
	@test -f $@ || { rm -f %D%/generated.stamp; $(MAKE) $(AM_MAKEFLAGS) %D%/generated.stamp; }

if HAVE_GTEST
check_PROGRAMS += %D%/unit-api
UNIT_TESTS += %D%/unit-api
endif
%C%_unit_api_SOURCES = %D%/cublaslt-test.cc %D%/cudnn-test.cc %D%/library-params-test.cc %D%/params-test.cc $(api_headers)
nodist_%C%_unit_api_SOURCES = %D%/calls.h
%C%_unit_api_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
%C%_unit_api_LDADD = -lgtest -lgtest_main -lpthread

BATS_TESTS += tests/generator.bats
EXTRA_DIST += tests/generator.bats tests/golden/demo.api tests/golden/demo-header.txt tests/golden/demo-cuda.h \
	$(golden_files)
golden_files = tests/golden/expected/calls.h tests/golden/expected/client-forwards.inc tests/golden/expected/client-remote.inc \
	tests/golden/expected/client-stubs.inc tests/golden/expected/server-table.inc \
	tests/golden/expected/driver-table.inc tests/golden/expected/coverage.inc \
	tests/golden/expected/shapes.inc tests/golden/expected/coverage.man
