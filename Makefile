# The pipeline as a diagram: files are targets, code and values are prerequisites.
#
#     notebooks/*.ipynb + rnn/ + values  --papermill-->  reports/RUN/*.ipynb and data
#     reports/RUN/*.ipynb + templates    --nbconvert-->  reports/RUN/report.pdf, report.html
#     the data of several runs + notebooks/04_compare_runs.ipynb  -->  the same in reports/COMPARISON
#
# For GNU make 3.81 and newer.  Nothing is written outside this folder.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# ---- What can be said on the command line ---------------------------------------------------

## the run's name, and that of its folder in reports/
RUN = assignment
## the book: saltmarrow, goblet, tinyshakespeare, or a path to a text
CORPUS = saltmarrow
## where all randomness comes from
SEED = 0
## options for the training, as papermill takes them: "-p m 200 -p eta 0.05"
PARAMS =
## options for the gradient check
CHECK_PARAMS =
## options for the text of the best model
SAMPLE_PARAMS =
## how many seeds to train with, side by side on the cores
SEEDS = 1
## the runs to compare, with spaces between
RUNS =
## the comparison's name, and that of its folder in reports/
COMPARISON = comparison
## the report's title (a comparison's is Runs compared)
TITLE = Training a character-level RNN
## the report's author
AUTHOR =
## the report's date
DATE =
## the Python that .venv is made of, 3.11 or newer
PYTHON = python3 python3.14 python3.13 python3.12 python3.11

comparing := $(filter compare compared,$(MAKECMDGOALS))
ifneq ($(comparing),)
TITLE = Runs compared
endif

# They reach the steps as environment variables, never as shell text, and $ is not make's in them.
said := RUN CORPUS SEED SEEDS PARAMS CHECK_PARAMS SAMPLE_PARAMS RUNS COMPARISON TITLE AUTHOR DATE
$(foreach name,$(said),$(eval override $(name) := $$(value $(name))))
export $(said)

# Names become part of file names here, so they are looked at before anything else.
letters := a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N O P Q R \
           S T U V W X Y Z 0 1 2 3 4 5 6 7 8 9 . _ -
strange = $(eval odd := $$(1))$(if $(foreach letter,$(letters),$(eval odd := $$(subst \
          $(letter),,$$(odd)))),)$(odd)$(filter .% -%,$(1))
ordinary := letters, digits, ".", "_" and "-" that starts with a letter or digit
ifneq ([$(call strange,$(RUN))] $(words $(RUN)),[] 1)
$(error RUN: expected a name of $(ordinary), got "$(RUN)"; do choose another)
endif
ifneq ([$(call strange,$(COMPARISON))] $(words $(COMPARISON)),[] 1)
$(error COMPARISON: expected a name of $(ordinary), got "$(COMPARISON)"; do choose another)
endif
ifneq ($(strip $(call strange,$(RUNS))),)
$(error RUNS: expected names, each of $(ordinary), got "$(RUNS)"; do choose from the folders in reports)
endif

# A run and a comparison each have a folder of their own.
ifneq ($(comparing),)
ifeq ($(word 2,$(RUNS)),)
there := $(patsubst reports/%/results.json,%,$(sort $(wildcard reports/*/results.json)))
$(error RUNS: expected the names of at least two runs, got "$(RUNS)"; do choose from \
$(or $(there),those that make report RUN= has made))
endif
ifneq ($(words $(RUNS)),$(words $(sort $(RUNS))))
$(error RUNS: expected every run once, got "$(RUNS)"; do leave out what is there twice)
endif
ifneq ($(filter $(COMPARISON),$(RUN) $(RUNS))$(wildcard $(addprefix \
reports/$(COMPARISON)/,results.json .check.values .training.values)),)
$(error COMPARISON: expected a name that no run has, got "$(COMPARISON)"; do choose another)
endif
else ifneq ($(wildcard reports/$(RUN)/.compare.values),)
ifneq ($(filter report pages,$(MAKECMDGOALS)),)
$(error RUN: expected a name that no comparison has, got "$(RUN)"; do choose another)
endif
endif

# ---- Where things are -----------------------------------------------------------------------

out      := reports/$(RUN)
page     := $(shell find rnn/report/pages -type f -name '[!._]*.*')
code     := $(wildcard rnn/*.py rnn/kernels/*.py rnn/text/*.py rnn/analysis/*.py rnn/runs/*.py rnn/report/*.py rnn/report/sections/*.*)
executed := $(out)/01_gradient_check.ipynb $(out)/02_training_evolution.ipynb \
            $(out)/03_best_model_sampling.ipynb

cache := $(CURDIR)/.cache
export XDG_CACHE_HOME := $(cache)
export MPLCONFIGDIR := $(cache)/matplotlib
export IPYTHONDIR := $(cache)/ipython
export JUPYTER_CONFIG_DIR := $(cache)/jupyter/config
export JUPYTER_DATA_DIR := $(cache)/jupyter/data
export JUPYTER_RUNTIME_DIR := $(cache)/jupyter/runtime
export JUPYTER_PATH :=
# JupyterLab without news and extensions from a network: neither asked for nor asked about.
export JUPYTER_CONFIG_PATH := $(CURDIR)/rnn/pipeline/jupyterlab
export JUPYTER_PREFER_ENV_PATH := 1
# JupyterLab asks npm, where there is one, for language servers.
export npm_config_cache := $(cache)/npm
export RUFF_CACHE_DIR := $(cache)/ruff
export MYPY_CACHE_DIR := $(cache)/mypy
export UV_CACHE_DIR := $(cache)/uv
export UV_PYTHON_DOWNLOADS := never
export PIP_NO_CACHE_DIR := 1
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONNOUSERSITE := 1
export PYTHONPATH :=

# An active conda environment other than base is used as it is; else there is .venv.
ifneq ($(and $(CONDA_PREFIX),$(filter-out base,$(CONDA_DEFAULT_ENV))),)
python := $(CONDA_PREFIX)/bin/python
ready  := .cache/conda.ready
locked :=
# What tells nbconvert of this project's exporters, without installing anything there.
PYTHONPATH := $(CURDIR):$(cache)/rnn
else
python := .venv/bin/python
ready  := .venv/installed.rnn
locked := .venv/installed.lock
endif
run := exec "$(python)" -m

# The closing lines name its files.
render = $(run) rnn.report.pages.render $(@D) --title="$$TITLE" --author="$$AUTHOR" --date="$$DATE" >/dev/null

# ---- The report -----------------------------------------------------------------------------

.PHONY: report pages compare compared bench clean lab lint lock strip test test-browser test-slow docs-pictures help FORCE

## make the report: reports/RUN/report.pdf and report.html
report: $(ready)
	@test ! -x "$(python)" || exec "$(python)" rnn/pipeline/hold_run.py $(out) "$(MAKE)" pages

pages: $(out)/report.pdf $(out)/report.html
	@"$(python)" rnn/pipeline/closing_lines.py $(out)

$(out)/report.pdf: $(executed) $(out)/.pages.values $(page)
	@echo "report: rendering"; $(render)

# Written by the same step; this rule is for the day that one of the two was deleted.
$(out)/report.html: $(out)/report.pdf
	@test -f $@ || $(render)

$(out)/01_gradient_check.ipynb: notebooks/01_gradient_check.ipynb $(out)/.check.values $(code) $(locked) | $(ready)
	@$(run) rnn.pipeline.execute $< $@ -d corpus "$$CORPUS" -d seed "$$SEED" -d run_dir $(out) --options "$$CHECK_PARAMS"

$(out)/02_training_evolution.ipynb: notebooks/02_training_evolution.ipynb $(out)/.training.values $(code) $(locked) | $(ready)
	@$(run) rnn.pipeline.execute $< $@ -d corpus "$$CORPUS" -d seed "$$SEED" -d seeds "$$SEEDS" -d run_dir $(out) --options "$$PARAMS"

# Its checklist looks at what all the steps left.
$(out)/03_best_model_sampling.ipynb: notebooks/03_best_model_sampling.ipynb $(out)/01_gradient_check.ipynb $(out)/02_training_evolution.ipynb $(out)/.sample.values $(code) $(locked) | $(ready)
	@$(run) rnn.pipeline.execute $< $@ -d seed "$$SEED" -d run_dir $(out) --options "$$SAMPLE_PARAMS"

# A step's values lie in a file that is rewritten only if one of them changed or the book did.
values = mkdir -p $(@D); values() { printf '%s\n' $(1); }; \
         values | cmp -s - $@ && $(if $(2),! newer "$$CORPUS" data/"$$CORPUS"*.txt,:) || values > $@
newer  = newer() { for book; do [ "$$book" -nt $@ ] && return; done; return 1; };

$(out)/.check.values: FORCE
	+@$(newer) $(call values,"$$CORPUS" "$$SEED" "$$CHECK_PARAMS",book)

$(out)/.training.values: FORCE
	+@$(newer) $(call values,"$$CORPUS" "$$SEED" "$$SEEDS" "$$PARAMS",book)

$(out)/.sample.values: FORCE
	+@$(call values,"$$SEED" "$$SAMPLE_PARAMS")

$(out)/.pages.values: FORCE
	+@$(call values,"$$TITLE" "$$AUTHOR" "$$DATE")

# ---- Several runs on one page ---------------------------------------------------------------

compared_in := reports/$(COMPARISON)
finished    := $(foreach name,$(RUNS),$(addprefix reports/$(name)/,results.json history.csv))

## compare the runs named in RUNS: reports/COMPARISON/report.pdf and report.html
compare: $(finished) $(ready)
	@test ! -x "$(python)" || exec "$(python)" rnn/pipeline/hold_run.py $(compared_in) "$(MAKE)" compared

ifneq ($(comparing),)
compared: $(compared_in)/report.pdf $(compared_in)/report.html
	@"$(python)" rnn/pipeline/closing_lines.py $(compared_in)

$(compared_in)/report.pdf: $(compared_in)/04_compare_runs.ipynb $(compared_in)/.pages.values $(page)
	@echo "report: rendering"; $(render)

$(compared_in)/report.html: $(compared_in)/report.pdf
	@test -f $@ || $(render)

$(compared_in)/04_compare_runs.ipynb: notebooks/04_compare_runs.ipynb $(compared_in)/.compare.values $(finished) $(code) $(locked) | $(ready)
	@$(run) rnn.pipeline.execute $< $@ -d runs "$$RUNS"

$(compared_in)/.compare.values: FORCE
	+@$(call values,"$$RUNS")

$(compared_in)/.pages.values: FORCE
	+@$(call values,"$$TITLE" "$$AUTHOR" "$$DATE")

# A run is made when it is asked for by its name: what it was told is not known here.
$(finished):
	@run=$(notdir $(@D)); echo "$$run: expected a finished run in $(@D), got none; do make report RUN=$$run" >&2; exit 1
endif

## delete a run's folder
clean:
	@if test -x "$(python)"; then exec "$(python)" rnn/pipeline/hold_run.py $(out) rm -rf $(out); else rm -rf $(out); fi

# ---- Working on it --------------------------------------------------------------------------

## open the notebooks in JupyterLab
lab: $(ready)
	@$(run) jupyterlab --LabApp.default_url=/lab/tree/notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

## lint, check types, and run the tests (those in a browser are make test-browser)
test: lint
	@$(run) pytest -q -n auto -m "not slow and not browser"

## run the tests that take minutes
test-slow: $(ready)
	@$(run) pytest -q -m slow

# What drives a browser is large and wanted by few: it is installed on the day it is asked for.
driver = "$(python)" -c 'import axe_core_python, playwright' 2>/dev/null || $(if $(locked),$(install_driver),\
    $(call say,expected axe-core-python and playwright in the active conda environment; got one without; \
    do python -m pip install axe-core-python playwright))
install_driver = { echo "set-up: installing the extra 'browser' of pyproject.toml into .venv (once)"; \
    if command -v uv >/dev/null; then uv pip install --quiet --python .venv/bin/python --no-build-isolation --editable '.[browser]'; \
    else .venv/bin/python -m pip install --quiet --no-build-isolation --editable '.[browser]'; fi; } \
    || $(call say,expected to install the extra 'browser'; got the error above; do look at it and run make again)

## work the notebooks and look at the pages in Chromium (installs what drives it, once)
test-browser: $(ready)
	@$(driver); $(run) pytest -q -n 2 -m browser

## make the README's pictures anew from the run, in reports/
docs-pictures: $(ready)
	@$(driver); exec "$(python)" tests/pictures.py $(out)

## empty the notebooks of what running them in JupyterLab has left there
strip: $(ready)
	@$(run) nbconvert --log-level=WARN --to notebook --inplace --ClearOutputPreprocessor.enabled=True \
	    --ClearMetadataPreprocessor.enabled=True --ClearMetadataPreprocessor.preserve_cell_metadata_mask='{"tags"}' \
	    --ClearMetadataPreprocessor.preserve_nb_metadata_mask='{("kernelspec",), ("language_info", "name")}' \
	    notebooks/*.ipynb

## look at style, types and the stored notebooks
lint: $(ready)
	@"$(python)" -m ruff check -q .
	@"$(python)" -m ruff format -q --check .
	@"$(python)" -m mypy
	@"$(python)" -m pytest -q tests/test_notebooks.py

## compare the speed with other systems (those that are installed)
bench: $(ready)
	@$(run) benchmarks

## write requirements.lock anew from pyproject.toml (needs uv and a network)
lock:
	@command -v uv >/dev/null || { echo "lock: expected uv on PATH, got none; do pip install uv"; exit 1; }
	@uv --no-config pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --extra dev --extra lab pyproject.toml -o requirements.lock

# ---- Set-up, once ---------------------------------------------------------------------------

say = { echo "set-up: $(1)"; exit 1; }

.venv/bin/python:
	@for python in $(PYTHON); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	test "$$python" || $(call say,expected Python 3.11 or newer; got $$(python3 --version 2>&1 | head -n 1); do install one (Debian: apt install python3 python3-venv) or name it with PYTHON=); \
	rm -rf .venv; \
	if command -v uv >/dev/null; then uv venv --quiet --python "$$python" .venv; \
	elif "$$python" -c 'import ensurepip, venv' 2>/dev/null; then "$$python" -m venv .venv || { rm -rf .venv; exit 1; }; \
	else $(call say,expected the module venv; got a Python without it; do install it (Debian: apt install python3-venv)); fi

# The stamp is the lock that was installed: a lock that was only touched changes nothing.
.venv/installed.lock: requirements.lock | .venv/bin/python
	@cmp -s $< $@ && exit; \
	if command -v uv >/dev/null; then \
	    echo "set-up: installing requirements.lock into .venv with uv"; \
	    uv pip install --quiet --python .venv/bin/python --require-hashes --only-binary :all: -r $<; \
	else \
	    echo "set-up: installing requirements.lock into .venv with pip (a minute or two, once)"; \
	    .venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r $<; \
	fi && cp $< $@ || $(call say,expected to install requirements.lock; got the error above; do look at it and run make again)

# This project itself, so that its exporters have names: again when it moved or pyproject changed.
.venv/installed.rnn: FORCE | .venv/installed.lock
	@values() { pwd; cat pyproject.toml; }; values | cmp -s - $@ && exit; \
	if command -v uv >/dev/null; then \
	    uv pip install --quiet --python .venv/bin/python --offline --no-deps --no-build-isolation --editable .; \
	else \
	    .venv/bin/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .; \
	fi && values > $@

.cache/conda.ready: FORCE
	@values() { echo "$$CONDA_PREFIX"; cat pyproject.toml; }; values | cmp -s - $@ && exit; \
	"$(python)" rnn/pipeline/check_environment.py && mkdir -p .cache && rm -rf .cache/rnn && mkdir .cache/rnn && \
	"$(python)" -c 'from flit_core.buildapi import *; prepare_metadata_for_build_wheel(".cache/rnn")' && values > $@

## show this
help:
	@awk '/^## / { text = substr($$0, 4); next } \
	    text && /^[a-z-]+:/ { targets = targets sprintf("  make %-14s %s\n", substr($$1, 1, index($$1, ":") - 1), text) } \
	    text && /^[A-Z_]+ =/ { name = $$1; sub(/^[A-Z_]+ = ?/, ""); values = values sprintf("  %-15s %s%s\n", name "=", text, $$0 == "" ? "" : "  [" $$0 "]") } \
	    { text = "" } \
	    END { printf "Targets:\n%s\nVariables, with what they are unless said:\n%s", targets, values }' Makefile

FORCE:
