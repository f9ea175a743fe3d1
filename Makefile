# `make help` lists the targets. Environments are made on first use and kept.

PYTHON ?= python3
SDK := .venv-sdk
DEV := .venv
BIN := $(DEV)/bin
PHOTO ?= mf2_edge/samples/astronaut.jpg
CONFIGS := distill/configs
FACES ?= 1000000
EPOCHS ?= 10
CORES := $(shell nproc)
# Of a run of the tests; each takes 2 to 3 GB.
PROCESSES ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
BUNDLES := $(notdir $(patsubst %/manifest.json,%,$(wildcard mf2_edge/bundles/*/manifest.json)))
# Of an environment with the extra `pseudo`: `make peers` then times Face Landmarker as well, whose
# face_landmarker.task LANDMARKER is.
LANDMARKER_PYTHON ?=
LANDMARKER ?=
# One thread a process; and glibc gives memory back so eagerly that depthwise networks train
# 2.5 times slower, unless it is told not to.
TRAINING := OMP_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TOP_PAD_=100000000 \
	MALLOC_TRIM_THRESHOLD_=1000000000000

.PHONY: help predict test test-quick browser native swift arm lint format bench peers audit constraints demo wheel release site train evaluate scale export clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

predict: $(SDK)/.installed ## the state of the face in PHOTO, with the shipped model
	$(SDK)/bin/mf2-edge predict $(PHOTO) --annotate annotated

test: $(DEV)/.installed lint browser native ## everything: lint, types, import rules, the whole test suite
	$(BIN)/python -m pytest -n $(PROCESSES) --durations=25

test-quick: $(DEV)/.installed ## the tests that need no converter, compiler, browser or training run
	$(BIN)/python -m pytest -n $(PROCESSES) -m "not slow" --ignore=tests/exporters -q

# Debian's packages, where they are missing and can be installed; else the tests of pages skip.
browser:
	@missing=""; for pair in chromium:chromium firefox-esr:firefox-esr node:nodejs npm:npm; do \
		command -v $${pair%:*} >/dev/null || missing="$$missing $${pair#*:}"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null || \
		echo "could not install:$$missing" >&2; fi

# libusb: the metadata reader of tflite-support loads it.
NATIVE := cmake g++ nlohmann-json3-dev libstb-dev default-jdk-headless junit5 libjna-java libusb-1.0-0

native:
	@missing=""; for package in $(NATIVE); do \
		dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null || \
		echo "could not install:$$missing" >&2; fi

swift: $(DEV)/.installed ## the Swift binding compiled and tested, in a chroot that is made once (Debian, root)
	$(BIN)/python -m pytest tests/bindings/test_swift.py tests/bindings/test_swift_native.py -rs

# Pictures of faces to compare decisions on; the sample picture and the goldens without.
MF2_EDGE_FACES ?=

arm: NATIVE += g++-aarch64-linux-gnu
arm: $(DEV)/.installed native ## every file on emulated ARM processors, into benchmarks/results/arm
	MF2_EDGE_FACES="$(MF2_EDGE_FACES)" $(BIN)/python -m benchmarks.arm
	$(BIN)/python -m benchmarks.arm.instructions
	MF2_EDGE_ARM=1 $(BIN)/python -m pytest tests/bindings/test_arm.py -rs

CPP := $(filter-out %model_types.hpp %model_types.cpp, \
	$(wildcard $(foreach end,c h cpp hpp,bindings/cpp/*/*.$(end) bindings/cpp/*/*/*.$(end))))

lint: $(DEV)/.installed ## ruff, clang-format, mypy (strict), import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)/.installed ## let ruff and clang-format rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

bench: $(DEV)/.installed ## latency of every file and stage, on this machine; updates the README
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only \
		--benchmark-min-time=0.001 --benchmark-max-time=5 --write benchmarks/results/host/stages.json
	for bundle in $(BUNDLES); do \
		$(BIN)/python -m mf2_edge.bench --bundle $$bundle --save benchmarks/results || exit; done
	$(BIN)/python -m benchmarks.tables

peers: $(DEV)/.installed ## networks of published peers beside ours, on this machine; updates docs/bench.md
	$(BIN)/pip install --quiet --editable '.[reference]'
	$(BIN)/python -m benchmarks.peers.compare \
		$(if $(LANDMARKER_PYTHON),--landmarker-python $(LANDMARKER_PYTHON) --landmarker $(LANDMARKER))
	$(BIN)/python -m benchmarks.tables

# Strict: a package that the advisory service was not asked about is a failure, not a pass.
audit: $(SDK)/.installed ## known holes in the SDK's dependencies; needs an advisory service
	test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && \
		.venv-audit/bin/pip install --quiet pip-audit; }
	.venv-audit/bin/pip-audit --strict \
		--path $$($(SDK)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

constraints: $(DEV)/.installed ## packaging/*.txt anew, once the tests pass; needs a package index
	$(BIN)/pip install --quiet uv
	$(BIN)/python packaging/constraints.py

demo: $(DEV)/.installed browser ## the page of `mf2-edge demo`, built into the package; needs Node 20
	cd bindings/web && npm ci --ignore-scripts --no-audit --no-fund && npm run --silent build
	$(BIN)/python -m bindings.web.demo_page

wheel: $(DEV)/.installed demo ## dist/*.whl, the demo page in it
	$(BIN)/python -m build --wheel

release: $(DEV)/.installed browser ## dist/release: all packages, SBOM and checksums, from a clean clone
	$(BIN)/python packaging/release.py

site: $(DEV)/.installed ## dist/site: the documentation as HTML, links checked
	$(BIN)/python packaging/site.py

TRAIN := $(TRAINING) $(BIN)/torchrun --nproc-per-node $(CORES) -m distill train --config $(CONFIGS)

train: $(DEV)/.installed ## from data to checkpoints: MF², then what ships (resumes; docs/training.md)
	$(BIN)/python -m distill mfa build --source template --config $(CONFIGS)/mf2.toml --limit 3000
	$(TRAIN)/mf2.toml
	for name in base m s open; do $(TRAIN)/mf2-edge-$$name.toml || exit 1; done

EVALUATE := OMP_NUM_THREADS=1 $(BIN)/python -m distill evaluate
RESULTS := benchmarks/results

evaluate: $(DEV)/.installed ## the shipped files on held-out faces (resumes); updates docs/evaluation.md
	$(EVALUATE) --slices --bundle mf2-edge-base --config $(CONFIGS)/mf2-edge-base.toml \
		--plot docs/reliability.png --out $(RESULTS)/mf2-edge-base/evaluation-tflite-fp32.json
	for name in m s open; do $(EVALUATE) --slices --bundle mf2-edge-$$name \
		--artifact mf2-edge-$$name-int8.tflite --config $(CONFIGS)/mf2-edge-$$name.toml \
		--out $(RESULTS)/mf2-edge-$$name/evaluation-tflite-int8.json || exit 1; done
	for file in base/fp32.pte/executorch-fp32 m/int8.pte/executorch-int8 m/int8.onnx/onnx-int8 \
		s/int8.pte/executorch-int8 open/int8.pte/executorch-int8; do \
		bundle=mf2-edge-$${file%%/*}; rest=$${file#*/}; $(EVALUATE) --bundle $$bundle \
		--artifact $$bundle-$${rest%/*} --config $(CONFIGS)/$$bundle.toml \
		--out $(RESULTS)/$$bundle/evaluation-$${rest#*/}.json || exit 1; done
	for bundle in $(BUNDLES); do \
		$(BIN)/python -m exporters update mf2_edge/bundles/$$bundle \
		--evaluation $(RESULTS)/$$bundle/evaluation-tflite-*.json \
		$(RESULTS)/$$bundle/evaluation-[!t]*.json || exit 1; done
	$(BIN)/python -m benchmarks.tables

scale: $(DEV)/.installed ## what FACES faces in EPOCHS epochs would need; updates docs/scale.md
	$(TRAINING) $(BIN)/torchrun --nproc-per-node $(CORES) -m distill scale --config $(CONFIGS)/mf2.toml \
		--faces $(FACES) --epochs $(EPOCHS)
	$(BIN)/python -m benchmarks.tables

clean: ## remove environments and build products; trained runs stay
	rm -rf $(SDK) $(DEV) .venv-audit dist build annotated .pytest_cache .mypy_cache .ruff_cache

# The SDK alone: packages whose hashes are known, that of its build among them, and no other.
$(SDK)/.installed: pyproject.toml packaging/requirements-sdk.txt
	$(PYTHON) -m venv $(SDK)
	$(SDK)/bin/pip install --quiet --require-hashes -r packaging/requirements-sdk.txt
	$(SDK)/bin/pip install --quiet --no-deps --no-build-isolation .
	touch $@

# Training, export and tests, in the versions that were tested together; without hashes (see
# packaging/constraints.py). torch comes first, by itself: pip then takes its CPU build.
$(DEV)/.installed: pyproject.toml packaging/constraints-dev.txt
	$(PYTHON) -m venv $(DEV)
	$(BIN)/pip install --quiet -c packaging/constraints-dev.txt torch==2.13.0
	$(BIN)/pip install --quiet -c packaging/constraints-dev.txt \
		--editable '.[train,backbones,mfa,export,test,dev,site]'
	touch $@
