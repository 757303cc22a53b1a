# The commands of the course. Each sets up what it needs; `make` alone lists them.
PYTHON ?= python3
VENV_PYTHON = .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup scale models lab run sweep build bench grade nbgrader zip bundle site sphinx test e2e clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup:
	@$(PYTHON) tools/bootstrap.py

scale: setup
	@$(VENV_PYTHON) -m pip install -q --no-input --disable-pip-version-check -c requirements.txt \
	-r requirements-scale.txt || echo "Ray is not installed: sweeps run with --local only."

sphinx: setup
	@$(VENV_PYTHON) -m pip install -q --no-input --disable-pip-version-check -c requirements.txt \
	-r requirements-site.txt || echo "Sphinx is not installed: make site cannot work."

models: setup ## fetch the two models unless they are there
	@$(VENV_PYTHON) -m utils.models

lab: models ## open JupyterLab at the first lesson
	@$(VENV_PYTHON) -m utils.lab $(ARGS)

run: models ## run the measured experiment; ARGS="--quick" for a short one
	@$(VENV_PYTHON) -m utils.experiment $(ARGS)

sweep: models scale ## the experiment over seeds, with Ray; ARGS="--seeds 0-9"
	@$(VENV_PYTHON) -m utils.sweep $(ARGS)

build: setup ## make the notebooks from solutions/*.py
	@$(VENV_PYTHON) tools/build.py $(ARGS)

bench: models ## compare our inner loops with the usual ways; ARGS="--parts retrieval" for one
	@$(VENV_PYTHON) tools/bench.py $(ARGS)

grade: setup ## grade a class; ARGS="SUBMISSIONS --out grades.csv"
	@$(VENV_PYTHON) -m utils.grade $(ARGS)

nbgrader: setup ## make the course folder for nbgrader; ARGS="--install" fetches nbgrader too
	@$(VENV_PYTHON) tools/nbgrader.py $(ARGS)

zip: ## pack the course into build/form-and-facts.zip, for Colab
	@$(PYTHON) tools/zip.py $(ARGS)

bundle: setup ## one folder that installs without a network; ARGS="--out FOLDER"
	@$(VENV_PYTHON) tools/bundle.py $(ARGS)

site: sphinx ## the executed lessons and the documents as pages, in build/site
	@$(VENV_PYTHON) tools/make_site.py $(ARGS)

test: scale sphinx ## check the style, then run all tests
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m pytest $(ARGS)

e2e: models ## try the course in a real browser; gets Playwright and Chromium where it can
	@$(VENV_PYTHON) tests/e2e/prepare.py
	@$(VENV_PYTHON) -m pytest tests/e2e $(ARGS)

clean: ## remove .venv, results and caches of tools; the models and your progress stay
	@models=$$($(VENV_PYTHON) -c "from utils.cache import cache_folder as f; print(f())" 2>/dev/null); \
	if [ -d results ]; then \
	find results -mindepth 1 -maxdepth 1 ! -name progress.json -exec rm -rf {} +; \
	rmdir results 2>/dev/null || true; fi; \
	rm -rf .venv build .pytest_cache .ruff_cache .hypothesis *.egg-info; \
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +; \
	echo "Clean. The fetched models stay in $${models:-the cache folder form-and-facts of this account, or in FORM_AND_FACTS_CACHE}"
