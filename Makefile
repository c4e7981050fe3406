# Every target creates the environment that it needs, with python3's venv and pip, and recreates it
# when pyproject.toml or the constraints change. `make` alone lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The interpreter: python3 if it is new enough, else the newest one found.
# $(call supported,PATH) is a shell test of one interpreter.
supported = $(1) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (4,))' 2>/dev/null
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	if $(call supported,$$python); then echo $$python; break; fi; done)

# $(call interpreter,3.12) is that interpreter, from PATH or pyenv; empty if there is none.
interpreter = $(shell for python in python$(1) "$$(pyenv root 2>/dev/null)"/versions/$(1).*/bin/python; do \
	if "$$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(1)")' 2>/dev/null; \
	then echo "$$python"; break; fi; done)

# The oldest and the newest Python that pyproject.toml claims; each has a pinned set of its own.
OLDEST ?= 3.11
NEWEST ?= 3.13

TEST_ENV ?= .venv-test
DEMO_ENV ?= .venv-demo
MIN_ENV ?= .venv-min
CLIENT_ENV ?= .venv-clients
STORE_ENV ?= .venv-stores
MCP_ENV ?= .venv-mcp
DOCS_ENV ?= .venv-docs
BENCHMARK_ENV ?= .venv-benchmark
BUILD_ENV ?= .venv-build
CONSTRAINTS ?= constraints.txt
WORKERS ?= 2

comma := ,
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call make_environment,DIR,EXTRAS,GROUPS,CONSTRAINTS): dependency groups need a newer pip than
# Python 3.11 and 3.12 include, so pip is upgraded first.
define make_environment
	@$(MAKE) --no-print-directory check PYTHON='$(PYTHON)'
	@echo "Creating $(1) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $(1)
	@$(1)/bin/python -m pip install -qq -c constraints.txt pip
	@$(1)/bin/python -m pip install -qq -c $(4) -e '.[$(2)]' $(foreach group,$(3),--group $(group)) \
		|| { echo "pip could not install the dependencies from pyproject.toml into $(1); see its output above." >&2; exit 1; }
	@touch $(1)/.made
endef

# $(call on_newest,DIR,CONSTRAINTS): make test on the newest Python, or say that there is none.
define on_newest
	@if [ -z '$(call interpreter,$(NEWEST))' ]; then echo "Python $(NEWEST) is not installed: skipped."; exit 0; fi; \
	$(MAKE) --no-print-directory test TEST_ENV=$(1) CONSTRAINTS=$(2) PYTHON=$(call interpreter,$(NEWEST))
endef

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check:
	@if [ -z '$(PYTHON)' ] || ! $(call supported,$(PYTHON)); then \
		echo "langchain-mimo needs Python 3.11 or newer; install it, or select it with make PYTHON=python3.12" >&2; exit 1; fi
	@if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "$(PYTHON) has no venv or pip; install them (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; fi

$(TEST_ENV)/.made: pyproject.toml $(CONSTRAINTS)
	$(call make_environment,$(TEST_ENV),av$(comma)emulator,test-integration lint,$(CONSTRAINTS))

$(DEMO_ENV)/.made: pyproject.toml constraints.txt
	$(call make_environment,$(DEMO_ENV),av$(comma)emulator,demo,constraints.txt)

$(DOCS_ENV)/.made: pyproject.toml constraints.txt
	$(call make_environment,$(DOCS_ENV),av,docs,constraints.txt)

$(CLIENT_ENV)/.made: pyproject.toml constraints.txt constraints-clients.txt
	$(call make_environment,$(CLIENT_ENV),emulator,test-clients,constraints-clients.txt)

$(STORE_ENV)/.made: pyproject.toml constraints.txt constraints-stores.txt
	$(call make_environment,$(STORE_ENV),av$(comma)emulator,test-stores,constraints-stores.txt)

# The two adapters need different versions of the package mcp.
$(MCP_ENV)-%/.made: pyproject.toml constraints.txt constraints-mcp-%.txt
	$(call make_environment,$(MCP_ENV)-$*,av$(comma)emulator$(comma)langchain,test-mcp-$*,constraints-mcp-$*.txt)

.PHONY: demo
demo: $(DEMO_ENV)/.made  ## Run the tour: image, video, audio, streaming, tools, usage and cost
	@$(DEMO_ENV)/bin/python docs/examples/tour.py

.PHONY: test
test: $(TEST_ENV)/.made  ## Run all tests: tests/ without sockets, integration_tests/ with the emulator
	$(TEST_ENV)/bin/python -m pytest tests -n $(WORKERS) $(ARGS)
	$(TEST_ENV)/bin/python -m pytest integration_tests -n $(WORKERS) $(ARGS)

.PHONY: fuzz
fuzz: $(TEST_ENV)/.made  ## Send thousands of damaged files and answers through every call (FUZZ_SEED=, FUZZ_CASE=)
	$(TEST_ENV)/bin/python -m pytest tests -m fuzz $(ARGS)

.PHONY: test-slow
test-slow: $(TEST_ENV)/.made  ## Run the tests with large responses, large files and killed processes
	$(TEST_ENV)/bin/python -m pytest tests integration_tests -m slow -n $(WORKERS) $(ARGS)

.PHONY: test-media
test-media: $(TEST_ENV)/.made  ## Compare what is measured of media files with ffprobe, if it is installed
	$(TEST_ENV)/bin/python -m pytest tests -m second_opinion -rs $(ARGS)

.PHONY: test-all
test-all:  ## Run all tests on Python 3.11, 3.12 and 3.13, if installed
	@failed=; \
	for pair in '3.11 $(call interpreter,3.11)' '3.12 $(call interpreter,3.12)' '3.13 $(call interpreter,3.13)'; do \
		set -- $$pair; \
		if [ $$# -lt 2 ]; then echo "Python $$1 is not installed: skipped."; continue; fi; \
		echo "=== Python $$1"; \
		$(MAKE) --no-print-directory test PYTHON=$$2 TEST_ENV=.venv-$$1 || failed="$$failed $$1"; \
	done; \
	if [ -n "$$failed" ]; then echo "Failed on Python$$failed." >&2; exit 1; fi

.PHONY: test-min
test-min:  ## Run all tests with the lowest supported dependencies, on the oldest Python
	@$(MAKE) --no-print-directory test TEST_ENV=$(MIN_ENV) CONSTRAINTS=constraints-min.txt \
		PYTHON=$(or $(call interpreter,$(OLDEST)),$(PYTHON))

.PHONY: test-newest-pins
test-newest-pins:  ## Run all tests with constraints-newest.txt on the newest Python, if installed
	$(call on_newest,.venv-newest-pins,constraints-newest.txt)

.PHONY: test-newest
test-newest:  ## Run all tests with what pip resolves today, nothing pinned, on the newest Python
	@rm -rf .venv-newest
	$(call on_newest,.venv-newest,/dev/null)

.PHONY: test-clients
test-clients: $(CLIENT_ENV)/.made  ## Run litellm's and agno's MiMo clients and ChatOpenAI against the emulator
	$(CLIENT_ENV)/bin/python -m pytest -c client_tests/pytest.ini client_tests $(ARGS)

.PHONY: test-stores
test-stores: $(STORE_ENV)/.made  ## Index media documents in Chroma, and search by time
	$(STORE_ENV)/bin/python -m pytest -c store_tests/pytest.ini store_tests $(ARGS)

.PHONY: test-mcp
test-mcp: $(MCP_ENV)-adapters/.made $(MCP_ENV)-langchain/.made  ## Give an agent the media of an MCP server, with both of LangChain's adapters
	$(MCP_ENV)-adapters/bin/python -m pytest -c mcp_tests/pytest.ini mcp_tests $(ARGS)
	$(MCP_ENV)-langchain/bin/python -m pytest -c mcp_tests/pytest.ini mcp_tests $(ARGS)

.PHONY: lint
lint: $(TEST_ENV)/.made  ## Check style: ruff
	$(TEST_ENV)/bin/ruff check .
	$(TEST_ENV)/bin/ruff format --check .

.PHONY: types
types: $(TEST_ENV)/.made  ## Check types: mypy, strict for the package; users' programs with mypy and pyright
	$(TEST_ENV)/bin/mypy
	$(TEST_ENV)/bin/python .ci/check_user_types.py

.PHONY: imports
imports: $(TEST_ENV)/.made  ## Check imports between modules: import-linter
	$(TEST_ENV)/bin/lint-imports

.PHONY: format
format: $(TEST_ENV)/.made  ## Format the code and apply ruff's fixes
	$(TEST_ENV)/bin/ruff check --fix .
	$(TEST_ENV)/bin/ruff format .

.PHONY: docs-outputs
docs-outputs: $(TEST_ENV)/.made  ## Rewrite the outputs that the pages show, where they are wrong
	$(TEST_ENV)/bin/python -m pytest integration_tests/test_documentation.py --update-outputs $(ARGS)

.PHONY: docs
docs: $(DOCS_ENV)/.made  ## Build the documentation into site/; broken links are errors
	$(DOCS_ENV)/bin/zensical build --strict --clean

$(BUILD_ENV)/.made: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory check PYTHON='$(PYTHON)'
	@echo "Making $(BUILD_ENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $(BUILD_ENV)
	@$(BUILD_ENV)/bin/python -m pip install -qq -c constraints.txt pip
	@$(BUILD_ENV)/bin/python -m pip install -qq -c constraints.txt --group build
	@touch $(BUILD_ENV)/.made

.PHONY: build
build: $(BUILD_ENV)/.made  ## Build wheel and sdist into dist/, check both, and try the wheel in a clean environment
	@rm -rf dist .venv-wheel
	$(BUILD_ENV)/bin/python -m build -q
	$(BUILD_ENV)/bin/python -m twine check --strict dist/*
	@$(PYTHON) -m venv .venv-wheel
	@.venv-wheel/bin/python -m pip install -qq -c constraints.txt dist/*.whl
	@cd dist && ../.venv-wheel/bin/python -I ../.ci/import_public_names.py
	@rm -rf .venv-wheel

# $(call resolve,FILE,PYTHON,REQUIREMENTS): write pip's current resolution of the requirements for
# an interpreter to FILE, below the comment that is its first line.
define resolve
	@if [ -z '$(call interpreter,$(2))' ]; then echo "$(1) needs Python $(2), which is not installed" >&2; exit 1; fi; \
	rm -rf .venv-constraints; $(call interpreter,$(2)) -m venv .venv-constraints \
	&& .venv-constraints/bin/python -m pip install -qq -U pip \
	&& .venv-constraints/bin/python -m pip install -qq $(3) \
	&& { head -n 1 $(1); .venv-constraints/bin/python -m pip freeze --all --exclude-editable \
		--exclude setuptools --exclude wheel | LC_ALL=C sort -f; } > .venv-constraints/new \
	&& cp .venv-constraints/new $(1) && rm -rf .venv-constraints
endef

DEVELOPMENT = -e '.[av$(comma)emulator]' $(foreach group,test-integration lint docs build,--group $(group))

.PHONY: constraints
constraints:  ## Update the pinned sets with pip's current resolution, on the oldest and the newest Python
	$(call resolve,constraints.txt,$(OLDEST),$(DEVELOPMENT))
	$(call resolve,constraints-newest.txt,$(NEWEST),$(DEVELOPMENT))
	$(call resolve,constraints-clients.txt,$(OLDEST),-e '.[emulator]' --group test-clients)
	$(call resolve,constraints-stores.txt,$(OLDEST),-e '.[av$(comma)emulator]' --group test-stores)
	$(call resolve,constraints-mcp-adapters.txt,$(OLDEST),-e '.[av$(comma)emulator$(comma)langchain]' --group test-mcp-adapters)
	$(call resolve,constraints-mcp-langchain.txt,$(OLDEST),-e '.[av$(comma)emulator$(comma)langchain]' --group test-mcp-langchain)

# The benchmarks also measure other packages, so this environment has its own pinned versions.
$(BENCHMARK_ENV)/.made: pyproject.toml benchmarks/requirements.txt
	@$(MAKE) --no-print-directory check PYTHON='$(PYTHON)'
	@echo "Creating $(BENCHMARK_ENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $(BENCHMARK_ENV)
	@$(BENCHMARK_ENV)/bin/python -m pip install -qq -r benchmarks/requirements.txt -e . \
		|| { echo "pip could not install benchmarks/requirements.txt into $(BENCHMARK_ENV); see its output above." >&2; exit 1; }
	@touch $(BENCHMARK_ENV)/.made

.PHONY: benchmark
benchmark: $(BENCHMARK_ENV)/.made  ## Measure speed and memory against other chat models (ARGS=--quick)
	@$(BENCHMARK_ENV)/bin/python -m benchmarks $(ARGS)

.PHONY: clean
clean:  ## Remove the environments and caches that these targets created
	rm -rf site $(TEST_ENV) $(DEMO_ENV) $(MIN_ENV) $(CLIENT_ENV) $(STORE_ENV) $(MCP_ENV)-adapters $(MCP_ENV)-langchain $(DOCS_ENV) $(BENCHMARK_ENV) $(BUILD_ENV) .venv-wheel .venv-newest .venv-newest-pins dist .venv-3.11 .venv-3.12 .venv-3.13 \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
