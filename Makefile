# Everything runs in .venv, which the first target that needs it creates.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help torch demo up test unit check slow clients test-bench machines chromium promtool nginx lint fmt lock sbom audit pin-images bench demo-weights torchvision-check

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-17s %s\n", $$1, $$2}'

# Torch first and pinned: left to another package's range, pip would take a build of several GB.
# For a driver or a card that this build does not run, an operator names another build of the same
# version, and pip's arguments to find it: make torch TORCH=torch==2.13.0+cu126 TORCH_PIP=…
# Everything else at the versions and with the hashes of requirements.lock. uv installs it: it takes
# a lock for constraints, where pip asks for a hash of the project itself. Where uv cannot, pip
# installs all of the lock, and the project after it.
# bitsandbytes and gguf aside, for the tests that need them: every process that imports diffusers
# would import them too, and take one and a half seconds more. Compiled at once: every process that imports torch would do so again where none may be written.
TORCH ?= torch==2.13.0
TORCH_PIP ?=
EXTRAS := '.[api,worker,local,dev]'
LOCK := requirements.lock
LOCKED := --constraint $(LOCK) --build-constraint $(LOCK)
# pip's checks of hashes need every name pinned: the lock's own lines about uv.
UV_LINES := sed -n '/^uv==/,/[^\\]$$/p' $(LOCK)
$(READY): pyproject.toml $(LOCK) tests/clients/versions.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH) $(TORCH_PIP)
	$(UV_LINES) > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement $(VENV)/uv.lock
	$(BIN)/uv pip install --python $(BIN)/python --quiet --compile-bytecode $(LOCKED) --editable $(EXTRAS) \
		|| { $(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement $(LOCK) \
		&& $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .; }
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps $(LOCKED) \
		--target $(VENV)/quantization bitsandbytes gguf \
		|| $(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/quantization \
		'bitsandbytes>=0.50,<0.51' 'gguf>=0.19,<0.20'
	$(BIN)/python tests/clients/install.py --short $(VENV)/clients
	touch $(READY)

torch: $(READY) ## install another build of torch (TORCH=torch==2.13.0+cu126 TORCH_PIP="pip's arguments that find it")
	$(BIN)/python -m pip install $(TORCH) $(TORCH_PIP)

demo: $(READY) ## paint a picture, look at it, print the bill, write demo-out/ (KEEP=1 leaves the stack up)
	$(BIN)/bottega demo $(if $(KEEP),--keep)

up: $(READY) ## start the local stack and stay in the foreground
	$(BIN)/bottega up

test: ## lint, types, import contracts and every test that needs no GPU and no minutes
	$(MAKE) --jobs 2 --no-print-directory $(READY) chromium promtool
	$(MAKE) --jobs 2 --no-print-directory lint check

unit: $(READY) ## the inner loop: pure tests, under a minute
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow' -q tests/unit

FAST := not gpu and not machines and not bench and not slow and not clients
check: $(READY) chromium promtool ## the tests alone
	$(BIN)/python -m pytest -m '$(FAST)' -n 2 --dist loadfile --no-loadscope-reorder --durations 25

slow: $(READY) chromium promtool nginx ## the slower proofs: kills, restarts, compiled models (minutes)
	$(BIN)/python -m pytest -m 'slow and not gpu and not machines and not bench and not clients' -n 2 --dist loadfile --durations 25

test-bench: $(READY) ## the benchmarks of the models, each once in small (minutes)
	$(BIN)/python -m pytest -m 'bench and not gpu'

# Node and the clients at the versions of tests/clients/versions.toml, aside: none of them moves a
# version that the project uses.
CLIENTS := .venv-clients
clients: $(READY) ## unmodified clients, Python and JavaScript, against the stack (minutes)
	$(BIN)/python tests/clients/install.py $(CLIENTS)
	$(BIN)/python -m pytest -n 0 -m clients -q tests/clients

machines: $(READY) ## two machines on shared servers, one of everything killed under load (minutes)
	$(BIN)/python -m pytest -m machines -s tests/acceptance/deploy/test_two_machines.py

# The dashboard's tests click through it in Debian's own browser; the driver brings none.
chromium:
	@command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq -y --no-install-recommends chromium >/dev/null; }

# It tests the alert rules. Unpacked and not installed, as Debian's package would start a server;
# after the other, as apt lets one in at a time.
promtool: $(READY) chromium
	@command -v promtool >/dev/null || test -x $(BIN)/promtool || { cd $(VENV) && \
		{ apt-get -qq download prometheus 2>/dev/null || { apt-get update -qq && \
		apt-get -qq download prometheus; }; } && dpkg -x prometheus_*.deb prometheus && \
		ln -sf ../prometheus/usr/bin/promtool bin/promtool; }

# The reference proxy is tested before a stack; unpacked for the same reason, and last for it too.
nginx: $(READY) promtool
	@command -v nginx >/dev/null || test -x $(BIN)/nginx || { cd $(VENV) && \
		{ apt-get -qq download nginx 2>/dev/null || { apt-get update -qq && \
		apt-get -qq download nginx; }; } && dpkg -x nginx_*.deb nginx-files && \
		ln -sf ../nginx-files/usr/sbin/nginx bin/nginx; }

# Aside, with a torch that has a torchvision: where transformers finds one it takes it, and no test
# may. The ids of the first command are compared by the second.
TOKENS := .venv-torchvision
torchvision-check: $(READY) ## FLUX.2 [dev]'s prompts: token ids without torchvision against those with it
	test -x $(TOKENS)/bin/python || $(PYTHON) -m venv $(TOKENS)
	$(TOKENS)/bin/python -m pip install --quiet torch==2.14.1 torchvision==0.29.1 \
		'transformers>=5.23,<5.24' pillow
	$(BIN)/python -m tests.support.prompt_tokens $(TOKENS)/checkpoint
	$(TOKENS)/bin/python tests/support/prompt_tokens.py $(TOKENS)/checkpoint

# Addresses stay out: whoever installs uses the index of his own. UPGRADE=1 takes newer versions,
# else only what pyproject.toml asks for changes.
UPGRADE ?=
lock: ## write requirements.lock anew from pyproject.toml (UPGRADE=1: the newest versions of all)
	test -x $(BIN)/uv || { test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet 'uv>=0.13'; }
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --group build --group tools \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-package torch $(if $(UPGRADE),--upgrade) --output-file $(LOCK)

TOOLS := .venv-tools
$(TOOLS)/.ready: $(READY) $(LOCK)
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(BIN)/uv pip install --python $(TOOLS)/bin/python --quiet --constraint $(LOCK) \
		cyclonedx-bom pip-audit pip-licenses
	touch $@

OF ?= $(BIN)/python
sbom: $(TOOLS)/.ready ## the bill of materials (CycloneDX) and the licences of an environment (OF=its Python), into build/
	mkdir -p build
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.cdx.json $(OF)
	$(TOOLS)/bin/pip-licenses --python $(OF) --from mixed --order license \
		--format markdown --output-file build/licences.md
	$(BIN)/python -m deploy.supply_chain.weights_licences >> build/licences.md

# Strict: where no advisory source is reached, nothing was audited, and that is no success.
audit: $(TOOLS)/.ready ## compare the locked versions with published advisories (needs the network)
	$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes --requirement $(LOCK) \
		|| { echo 'Not passed: an advisory applies, or their source was not reached (see above).'; exit 1; }

pin-images: $(READY) ## write the digests of all base images, from their registries (needs the network)
	$(BIN)/python -m deploy.supply_chain.pin_images

lint: $(READY) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(READY) ## format and apply safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure, and compare with plain Celery (see BENCHMARKS.md)
	$(BIN)/bottega bench

# Again from nothing, or on from the last checkpoint when there is one.
DEVICE ?= cpu
MINUTES ?= 240
MODEL ?= florence2
demo-weights: $(READY) ## train demo weights (MODEL=florence2, flux or flux2, DEVICE=cuda, MINUTES=…); broken off, it goes on
	$(BIN)/python -m workers.training.train_$(MODEL) --out runs/$(MODEL) --device $(DEVICE) \
		--minutes $(MINUTES) --threads 2 $(if $(wildcard runs/$(MODEL)/checkpoint.pt),--resume)
