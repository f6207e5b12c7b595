# Every command of the project; `make` alone lists them.

PYTHON  ?= python3
WORKERS ?= 4
ARGS    ?=

VENV := .venv
BIN  := $(VENV)/bin
UV   := $(BIN)/uv

# The stamps lie inside the environment, so that they vanish with it.
SEED := $(VENV)/.seed
CORE := $(VENV)/.core
WEB  := $(VENV)/.web
DEV  := $(VENV)/.dev

# Stamps of what the tests load: compiled by one process, where all of them would do the same at the same time.
COMPILED := $(VENV)/.compiled

# An environment of its own, with the oldest LangGraph and LangChain that pyproject.toml allows.
OLDEST       := $(VENV)-oldest/.dev
OLDEST_READY := $(VENV)-oldest/.compiled
OLDEST_TESTS := answers caches delta_channels dialect_breakpoint dialect_langchain dialect_plain graphs_inside \
  refused_answers
OLDEST_CHOICE := -k "not sqlite and not postgres" $(OLDEST_TESTS:%=tests/integration/test_%.py)

# Another one, with a stand-in for AWS that needs other versions than ours.
MINISTACK := $(VENV)-ministack/.dev

# And one with CDK, for deploy/cdk; it needs Node.
CDK := $(VENV)-cdk/.dev

# What makes a stamp works on the environment that the stamp lies in.
PIP_SYNC     = $(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes --no-build
INSTALL_SELF = $(UV) pip install --quiet --python $(@D)/bin/python --no-deps --no-build-isolation --editable . </dev/null

# The tests start hundreds of interpreters: what one has compiled the next one finds, whatever the machine's settings.
test test-oldest soak $(COMPILED) $(OLDEST_READY): export PYTHONDONTWRITEBYTECODE =
test test-oldest soak $(COMPILED) $(OLDEST_READY): export PYTHONPYCACHEPREFIX ?= $(CURDIR)/$(VENV)/pycache

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-web browser broker ready pictures test test-oldest check check-format check-lint check-types check-floors check-lock soak bench env \
  env-oldest env-ministack env-cdk lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# At a terminal the demo has a process group of its own (set -m), so that Ctrl-C is for it and not for make.
# The full environment runs the demo as well; the small one is built only where the full one is not.
demo: $(if $(wildcard $(DEV)),$(DEV),$(CORE)) ## Run the approval agent in the terminal
	@[ ! -t 0 ] || set -m; $(BIN)/interlock demo $(ARGS) || [ $$? -eq 7 ] # left at the prompt: the run waits

# A web inbox with a past, people and agents: where nothing was built before, in an environment with the server's parts.
demo-web: $(if $(wildcard $(DEV)),$(DEV),$(WEB)) ## Serve the pages, with people, agents and a week of requests
	@[ ! -t 0 ] || set -m; $(BIN)/interlock demo --web $(ARGS)

# The tests of pages drive a Chromium of this machine, best the one without windows, which takes a third less time; root on
# Debian or Ubuntu gets it. Whether one may be missing is the tests' to say: on CI it may not.
SHELL_ALONE := chromium-headless-shell
BROWSERS    := $(SHELL_ALONE) chromium chromium-browser google-chrome
APT          = DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet
IN_TIME      = timeout 120 env $(APT) -o Acquire::Retries=0 -o Acquire::http::Timeout=10
browser:
	@[ -n "$$INTERLOCK_TEST_CHROMIUM$$(command -v $(SHELL_ALONE))" ] || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium, for the tests of pages" \
	    && $(IN_TIME) update && $(IN_TIME) install --yes --no-install-recommends $(SHELL_ALONE) </dev/null >/dev/null; \
	} || [ -n "$$(for name in $(BROWSERS); do command -v $$name; done)" ] || { \
	  [ "$$(id -u)" = 0 ] && $(APT) install --yes --no-install-recommends chromium </dev/null >/dev/null; \
	} || echo "There is no Chromium here: install one, or name one in INTERLOCK_TEST_CHROMIUM"

# The tests of channels start a RabbitMQ of their own; root on Debian or Ubuntu gets its programs.
broker:
	@[ -n "$$(command -v rabbitmq-server || ls /usr/lib/rabbitmq/bin/rabbitmq-server 2>/dev/null)" ] || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing RabbitMQ, for the tests of channels" \
	    && $(APT) update && RUNLEVEL=1 $(APT) install --yes --no-install-recommends rabbitmq-server </dev/null >/dev/null; \
	} || echo "There is no RabbitMQ here: install rabbitmq-server"

pictures: $(DEV) browser ## Take a picture of every page and mail, into pictures/ (ARGS=--small takes those of the README as well)
	@echo "Taking pictures of every page and mail"
	@$(BIN)/python -m tests.browser.pictures $(ARGS)
	@$(BIN)/python -m tests.channels.mail_pictures pictures
	@$(BIN)/python -m tests.channels.slack_pictures pictures

# Runs pause under the oldest LangGraph and go on under the newest, so the tests need both environments.
ready: $(COMPILED) $(OLDEST_READY) $(MINISTACK) browser broker ## Build all that the tests need

test: ready ## Run the whole test suite (ARGS="-k name" narrows it, WORKERS=0 runs it in one process)
	@echo "Running the tests in $(WORKERS) processes"
	@$(BIN)/pytest --numprocesses $(WORKERS) $(ARGS)

test-oldest: $(OLDEST_READY) ## Run the tests of what LangGraph does under the oldest that we allow, on memory
	@echo "Running the tests under the oldest LangGraph in $(WORKERS) processes"
	@$(<D)/bin/pytest --numprocesses $(WORKERS) $(OLDEST_CHOICE) $(ARGS)

# Two at a time, since each works in one process; each says what it has to say at once.
CHECKS := check-types check-lock check-format check-lint check-floors
check: $(DEV) ## Check format, lint, types, floors and locks
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target --keep-going $(CHECKS)

check-format: $(DEV)
	@echo "Checking the format"
	@$(BIN)/ruff format --quiet --diff .

check-lint: $(DEV)
	@echo "Linting"
	@$(BIN)/ruff check --quiet .

check-types: $(DEV)
	@echo "Checking the types"
	@$(BIN)/mypy --no-error-summary

check-floors: $(DEV)
	@echo "Checking the floors"
	@report="$$($(BIN)/lint-imports --no-logo 2>&1)" || { echo "$$report"; exit 1; }

# The locks are resolved again beside the committed ones, which keeps every version that still fits.
check-lock: FRESH = $(VENV)/.fresh-locks
check-lock: $(DEV)
	@echo "Checking that locks/ matches pyproject.toml"
	@rm -rf $(FRESH) && cp -R locks $(FRESH)
	@$(MAKE) --silent --no-print-directory lock LOCKS=$(FRESH) >/dev/null
	@diff -r locks $(FRESH) >$(FRESH).diff || { head -n 20 $(FRESH).diff; \
	  echo "locks/ does not match pyproject.toml: run \`make lock\` and commit what it writes."; exit 1; }

soak: $(DEV) $(MINISTACK) $(CDK) ## Run the long tests and fault runs
	@echo "Running the long tests"
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-soak} $(BIN)/pytest -m soak --timeout 3600 $(ARGS)

bench: $(DEV) ## Measure
	@echo "Measuring"
	@$(BIN)/python bench/run.py $(ARGS)

env: $(DEV) ## Build the full environment in .venv
	@:

env-oldest: $(OLDEST) ## Build .venv-oldest, with the oldest LangGraph and LangChain that we allow
	@:

env-ministack: $(MINISTACK) ## Build .venv-ministack, with a stand-in for AWS
	@:

env-cdk: $(CDK) ## Build .venv-cdk, with CDK, for the stack of deploy/cdk
	@:

LOCKS ?= locks
COMPILE = $(UV) pip compile --quiet --python $(BIN)/python --python-version 3.11 --universal --generate-hashes \
  --no-header --no-annotate $(if $(UPGRADE),--upgrade)

# What deploy/Containerfile installs beside the core.
IMAGE := server oidc postgres rabbitmq sqs webhook slack notify

# What the functions of deploy/cdk have beside the core.
LAMBDA := server oidc dynamodb sqs lambda webhook notify

lock: $(SEED) ## Write the lock files from pyproject.toml (UPGRADE=1 takes newer versions)
	@echo "Resolving pyproject.toml"
	@$(COMPILE) --group dev --output-file $(LOCKS)/dev.txt pyproject.toml </dev/null >/dev/null
	@$(COMPILE) --group dev --output-file $(LOCKS)/oldest.txt pyproject.toml $(LOCKS)/oldest.in </dev/null >/dev/null
	@$(COMPILE) --group build --constraints $(LOCKS)/dev.txt --output-file $(LOCKS)/core.txt pyproject.toml </dev/null >/dev/null
	@$(COMPILE) --group build --extra server --constraints $(LOCKS)/dev.txt --output-file $(LOCKS)/web.txt pyproject.toml </dev/null >/dev/null
	@$(COMPILE) --group build $(IMAGE:%=--extra %) --constraints $(LOCKS)/dev.txt --output-file $(LOCKS)/image.txt pyproject.toml </dev/null >/dev/null
	@echo 'ministack>=1.5.33' | $(COMPILE) --output-file $(LOCKS)/ministack.txt - >/dev/null
	@$(COMPILE) $(LAMBDA:%=--extra %) --constraints $(LOCKS)/dev.txt --output-file $(LOCKS)/lambda.txt pyproject.toml </dev/null >/dev/null
	@printf 'aws-cdk-lib>=2.275\nconstructs>=10.8\n' | $(COMPILE) --output-file $(LOCKS)/cdk.txt - >/dev/null
	@echo uv | $(COMPILE) --output-file $(LOCKS)/uv.txt - >/dev/null

clean: ## Remove the environments and all that was generated
	@echo "Removing the environments and all that was generated"
	@rm -rf $(VENV) $(VENV)-oldest $(VENV)-ministack $(VENV)-cdk .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(SEED): locks/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Interlock needs Python 3.11 or newer, and \`$(PYTHON)\` is $$($(PYTHON) --version 2>/dev/null || echo missing)." \
	    "Name another one: make PYTHON=python3.12 ..."; exit 1; } >&2
	@echo "Building the environment in $(VENV)"
	@$(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || $(PYTHON) -m venv --clear $(VENV) </dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement locks/uv.txt </dev/null
	@touch $@

# Adds and never removes: an environment that somebody filled keeps what it has.
$(CORE) $(WEB): $(VENV)/.%: $(SEED) locks/%.txt pyproject.toml
	@echo "Installing what the demo needs"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-build --requirement locks/$*.txt </dev/null
	@$(INSTALL_SELF)
	@touch $@

$(DEV): $(SEED) locks/dev.txt pyproject.toml
	@echo "Installing what the tests and checks need"
	@$(PIP_SYNC) locks/dev.txt </dev/null
	@$(INSTALL_SELF)
	@touch $@

$(OLDEST): $(SEED) locks/oldest.txt pyproject.toml
	@echo "Installing the oldest LangGraph and LangChain that we allow in $(@D)"
	@$(@D)/bin/python -c '' 2>/dev/null || $(UV) venv --quiet --clear --python $(BIN)/python $(@D) </dev/null
	@$(PIP_SYNC) locks/oldest.txt </dev/null
	@$(INSTALL_SELF)
	@touch $@

$(MINISTACK): $(SEED) locks/ministack.txt
	@echo "Installing a stand-in for AWS in $(@D)"
	@$(@D)/bin/python -c '' 2>/dev/null || $(UV) venv --quiet --clear --python $(BIN)/python $(@D) </dev/null
	@$(PIP_SYNC) locks/ministack.txt </dev/null
	@touch $@

$(CDK): $(SEED) locks/cdk.txt
	@echo "Installing CDK in $(@D)"
	@$(@D)/bin/python -c '' 2>/dev/null || $(UV) venv --quiet --clear --python $(BIN)/python $(@D) </dev/null
	@$(PIP_SYNC) locks/cdk.txt </dev/null
	@touch $@

# A test file that cannot be loaded is told by the tests.
$(COMPILED): $(DEV)
	@echo "Compiling what the tests load"
	@$(BIN)/pytest --collect-only --quiet >/dev/null 2>&1 || :
	@touch $@

$(OLDEST_READY): $(OLDEST)
	@echo "Compiling what the tests load under the oldest LangGraph"
	@$(@D)/bin/pytest --collect-only --quiet $(OLDEST_CHOICE) >/dev/null 2>&1 || :
	@touch $@
