# The pipeline as a diagram: files are targets, code and values are prerequisites.
#
#     notebooks/*.ipynb + rnn/ + values  --papermill-->  reports/RUN/*.ipynb and data
#     reports/RUN/*.ipynb + templates    --nbconvert-->  reports/RUN/report.pdf, report.html
#     the data of several runs + notebooks/04_compare_runs.ipynb  -->  the same in reports/COMPARISON
#
# `make report` lets rnn/pipeline check the names, set up, hold the folder and note the values, in
# files .*.values that change only when a value does; that then calls `make pages out=reports/RUN`.
# For GNU make 3.81 and newer.  Nothing is written outside this folder.

# To GNU make names of targets that nobody makes; another make says the line and stops.
.error expected GNU make, got another make: run gmake (or install GNU make) instead

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# ---- What can be said on the command line ---------------------------------------------------
## the run's name, and that of its folder in reports/
RUN = assignment
## the text: saltmarrow, goblet, tinyshakespeare, or a path
CORPUS = saltmarrow
## the text's encoding
ENCODING = utf-8
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
## a folder with your own sentences
TEXT =
## the Python that .venv is made of, 3.11 or newer
PYTHON = python3 python3.14 python3.13 python3.12 python3.11

# They reach the steps as environment variables, never as shell text, and $ is not make's in them.
said := RUN CORPUS ENCODING SEED SEEDS PARAMS CHECK_PARAMS SAMPLE_PARAMS RUNS COMPARISON TITLE AUTHOR DATE TEXT
titled := $(filter-out file,$(origin TITLE))
$(foreach name,$(said),$(eval override $(name) := $$(value $(name))))
export $(said)

# ---- The report -----------------------------------------------------------------------------
include rnn/pipeline/environment.mk
run     := exec "$(python)" -m
execute  = $(run) rnn.pipeline.execute $< $@ -d text "$$TEXT"
render   = $(run) rnn.report.pages.render $(out) --title="$$TITLE" --author="$$AUTHOR" --date="$$DATE" >/dev/null

page     := $(wildcard rnn/report/pages/*.* rnn/report/pages/templates/*.* rnn/report/pages/templates/*/*.*)
math     := $(wildcard rnn/*.* rnn/kernels/*.* rnn/text/*.* rnn/runs/*.* rnn/analysis/*.*)
compared := $(math) $(wildcard rnn/report/*.* rnn/report/sections/*.*)
code     := $(filter-out rnn/report/sections/runs%,$(compared))
steps    := $(if $(filter compared,$(MAKECMDGOALS)),04_compare_runs,01_gradient_check 02_training_evolution 03_best_model_sampling)

.PHONY: report compare pages compared clean ready browser lab test test-slow test-browser docs-pictures strip lint bench lock help

## make the report: reports/RUN/report.pdf and report.html
report:
	@$(pipeline) report "$(MAKE)" pages

## compare the runs named in RUNS: reports/COMPARISON/report.pdf and report.html
compare:
	@$(pipeline) compare "$(MAKE)" compared $(if $(titled),,TITLE="Runs compared")

pages compared: $(out)/report.pdf $(out)/report.html
	@$(run) rnn.pipeline.closing_lines $(out)

$(out)/report.pdf: $(steps:%=$(out)/%.ipynb) $(out)/.pages.values $(page)
	@echo "report: rendering"; $(render)

# Written by the same step; this rule is for the day that one of the two was deleted.
$(out)/report.html: $(out)/report.pdf
	@test -f $@ || $(render)

$(out)/01_gradient_check.ipynb: notebooks/01_gradient_check.ipynb $(out)/.check.values $(code) $(locked)
	@$(execute) -d corpus "$$CORPUS" -d encoding "$$ENCODING" -d seed "$$SEED" -d run_dir $(out) --options "$$CHECK_PARAMS"

$(out)/02_training_evolution.ipynb: notebooks/02_training_evolution.ipynb $(out)/.training.values $(code) $(locked)
	@$(execute) -d corpus "$$CORPUS" -d encoding "$$ENCODING" -d seed "$$SEED" -d seeds "$$SEEDS" -d run_dir $(out) --options "$$PARAMS"

# Its checklist looks at what all the steps left.
$(out)/03_best_model_sampling.ipynb: notebooks/03_best_model_sampling.ipynb $(out)/01_gradient_check.ipynb $(out)/02_training_evolution.ipynb $(out)/.sample.values $(code) $(locked)
	@$(execute) -d seed "$$SEED" -d run_dir $(out) --options "$$SAMPLE_PARAMS"

$(out)/04_compare_runs.ipynb: notebooks/04_compare_runs.ipynb $(out)/.compare.values $(compared) $(locked)
	@$(execute) -d runs "$$RUNS"

## delete a run's folder
clean:
	@$(pipeline) clean

# ---- Working on it --------------------------------------------------------------------------
ready browser:
	@$(pipeline) $@
## open the notebooks in JupyterLab
lab: ready
	@$(run) jupyterlab --LabApp.default_url=/lab/tree/notebooks $(if $(filter 0,$(shell id -u)),--allow-root)
## lint, check types, and run the tests (those in a browser are make test-browser)
test: lint
	@$(run) pytest -q -n auto -m "not slow and not browser"
## run the tests that take minutes
test-slow: ready
	@$(run) pytest -q -m slow
## work the notebooks and look at the pages in Chromium (installs what drives it, once)
test-browser: browser
	@$(run) pytest -q -n 2 -m browser
## make the README's pictures anew from the run, in reports/
docs-pictures: browser
	@exec "$(python)" tests/pictures.py "reports/$$RUN"
## empty the notebooks of what running them in JupyterLab has left there
strip: ready
	@$(run) nbconvert --log-level=WARN --to notebook --inplace --ClearOutputPreprocessor.enabled=True --ClearMetadataPreprocessor.enabled=True --ClearMetadataPreprocessor.preserve_cell_metadata_mask='{"tags"}' --ClearMetadataPreprocessor.preserve_nb_metadata_mask='{("kernelspec",), ("language_info", "name")}' notebooks/*.ipynb
## look at style, types and the stored notebooks
lint: ready
	@"$(python)" -m ruff check -q .
	@"$(python)" -m ruff format -q --check .
	@"$(python)" -m mypy
	@"$(python)" -m pytest -q tests/test_notebooks.py
## compare the speed with other systems (those that are installed)
bench: ready
	@$(run) benchmarks
## write requirements.lock anew from pyproject.toml (needs uv and a network)
lock:
	@command -v uv >/dev/null || { echo "lock: expected uv on PATH, got none; run pip install uv" >&2; exit 1; }
	@uv --no-config pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev --extra lab pyproject.toml -o requirements.lock
## show this
help:
	@awk -f rnn/pipeline/help.awk Makefile
