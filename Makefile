# The pipeline as a diagram: files are targets, code and values are prerequisites.
#
#     notebooks/*.ipynb + rnn/ + values  --papermill-->  reports/RUN/*.ipynb and data
#     reports/RUN/*.ipynb + templates    --nbconvert-->  reports/RUN/report.pdf, report.html
#     the data of several runs + notebooks/04_compare_runs.ipynb  -->  the same in reports/COMPARISON
#     a grid of values  --dask-->  many runs  --notebooks/05_sweep.ipynb-->  the same in reports/SWEEP
# `make report` lets rnn/pipeline note the values in .*.values and call `make pages out=reports/RUN`.

# To GNU make names of targets that nobody makes; another make says the line and stops.
.error expected GNU make, got another make: run gmake (or install GNU make) instead
# ---- What can be said on the command line ---------------------------------------------------
## the run's name, and that of its folder in reports/
RUN = assignment
## the text: saltmarrow, goblet, tinyshakespeare, or a path
CORPUS = saltmarrow
## the text's encoding
ENCODING = utf-8
## go on training with the best model of this finished run (none: a new network)
FROM =
## where all randomness comes from
SEED = 0
## options for the training, as papermill takes them: "-p m 200 -p eta 0.05"
PARAMS =
## options for the gradient check, which takes the training's network, text and seed
CHECK_PARAMS =
## options for the text of the best model
SAMPLE_PARAMS =
## how many seeds to train with, side by side on the cores
SEEDS = 1
## the runs to compare, with spaces between
RUNS =
## the comparison's name, and that of its folder in reports/
COMPARISON = comparison
## what verify makes again instead of RUN: a zip that was handed in
HANDIN =
## what a sweep varies: "m=50,100 eta=0.05,0.1", or a YAML file
GRID =
## the sweep's name, and that of its folder in reports/
SWEEP = sweep
## let the best one in so many of a sweep's points go on, stage by stage (1: all)
HALVING = 1
## the sweep's Dask scheduler: tcp://host:8786 (none: the cores of this machine)
SCHEDULER =
## the report's title (others for comparisons and sweeps)
TITLE = Training a character-level RNN
## the report's author
AUTHOR =
## the report's date
DATE =
## a folder with your own sentences
TEXT =
## a folder with your own fonts, for what the page's own lack
FONTS =
## the Python that .venv is made of, 3.11 or newer
PYTHON = python3 python3.14 python3.13 python3.12 python3.11

# ---- The report -----------------------------------------------------------------------------
include rnn/pipeline/environment.mk
run     := exec "$(python)" -m
execute  = $(run) rnn.pipeline.execute $< $@ -d text "$$TEXT"
render   = $(run) rnn.report.pages.render $(out) --title="$$TITLE" --author="$$AUTHOR" --date="$$DATE" >/dev/null

.PHONY: report compare sweep pages compared swept trained handin verify clean ready browser lab test test-slow test-browser docs-pictures strip lint bench lock help

## make the report: reports/RUN/report.pdf and report.html
report:
	@$(pipeline) report "$(MAKE)" $(jobs) pages
## compare the runs named in RUNS: reports/COMPARISON/report.pdf and report.html
compare:
	@$(pipeline) compare "$(MAKE)" compared $(if $(titled),,TITLE="Runs compared")
## train every point of GRID with SEEDS seeds: reports/SWEEP/report.pdf, report.html, best.yaml, the runs
sweep:
	@$(pipeline) sweep "$(MAKE)" swept $(if $(titled),,TITLE="A sweep over settings")
pages compared swept: $(out)/report.pdf $(out)/report.html
	@$(run) rnn.pipeline.closing_lines $(out)
$(out)/report.pdf: $(steps:%=$(out)/%.ipynb) $(out)/.pages.values $(page)
	@echo "report: rendering"; $(render)

# Written by the same step; this rule is for the day that one of the two was deleted.
$(out)/report.html: $(out)/report.pdf
	@test -f $@ || $(render)

$(out)/01_gradient_check.ipynb: notebooks/01_gradient_check.ipynb $(out)/.check.values $(code) $(locked)
	@$(execute) -d corpus "$$CORPUS" -d encoding "$$ENCODING" -d seed "$$SEED" -d run_dir $(out) --options "$$NETWORK $$CHECK_PARAMS"

$(out)/02_training_evolution.ipynb: notebooks/02_training_evolution.ipynb $(out)/.training.values $(code) $(locked)
	@$(execute) -d corpus "$$CORPUS" -d encoding "$$ENCODING" -d seed "$$SEED" -d seeds "$$SEEDS" -d from_run "$$FROM" -d run_dir $(out) --options "$$PARAMS"

# Its checklist looks at what all the steps left.
$(out)/03_best_model_sampling.ipynb: notebooks/03_best_model_sampling.ipynb $(out)/01_gradient_check.ipynb $(out)/02_training_evolution.ipynb $(out)/.sample.values $(code) $(locked)
	@$(execute) -d seed "$$SEED" -d run_dir $(out) --options "$$SAMPLE_PARAMS"

$(out)/04_compare_runs.ipynb: notebooks/04_compare_runs.ipynb $(out)/.compare.values $(compared) $(locked)
	@$(execute) -d runs "$$RUNS"

$(out)/sweep.json: trained
	@$(run) rnn.pipeline.sweep $(out)
$(out)/05_sweep.ipynb: notebooks/05_sweep.ipynb $(out)/sweep.json $(out)/.sweep.values $(compared) $(locked)
	@$(execute) -d sweep $(out)

## pack a run to hand it in: reports/RUN.zip
handin:
## make a run again, or what HANDIN holds, and compare every file
verify:
## delete the folder of a run, a comparison or a sweep
clean:
handin verify clean ready browser lock:
	@$(pipeline) $@ "$(MAKE_COMMAND)"

# ---- Working on it --------------------------------------------------------------------------
## open the notebooks in JupyterLab
lab: ready
	@$(run) jupyterlab --LabApp.default_url=/lab/tree/notebooks $(if $(filter 0,$(shell id -u)),--allow-root)
## lint, check types, and run the quick tests
test: lint
	@$(run) pytest -q -n auto --dist worksteal -m "not slow and not browser"
## run the tests that take longer: whole runs, papermill, code for five processors
test-slow: ready
	@$(run) pytest -q -n auto --dist loadfile -m slow
## work the notebooks and look at the pages in Chromium (installs what drives it, once)
test-browser: browser
	@$(run) pytest -q -n 2 -m browser
## make the README's pictures anew from the run, in reports/
docs-pictures: browser
	@exec "$(python)" tests/pictures.py "reports/$$RUN"
## empty the notebooks of what running them in JupyterLab has left there
strip: ready
	@$(run) nbconvert --log-level=WARN --to notebook --inplace --ClearOutputPreprocessor.enabled=True --ClearMetadataPreprocessor.enabled=True --ClearMetadataPreprocessor.preserve_cell_metadata_mask='{"tags"}' --ClearMetadataPreprocessor.preserve_nb_metadata_mask='{("kernelspec",), ("language_info", "name")}' notebooks/*.ipynb
## look at style and types
lint: ready
	@"$(python)" -m ruff check -q . && "$(python)" -m ruff format -q --check . && "$(python)" -m mypy
## compare the speed with other systems (those that are installed)
bench: ready
	@$(run) benchmarks
## write requirements.lock anew from pyproject.toml (needs uv and a network)
lock:
## show this
help:
	@awk -f rnn/pipeline/help.awk Makefile
