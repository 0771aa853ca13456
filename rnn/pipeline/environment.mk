# How make works, which Python works, and where: nothing is written outside this folder.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory
# The gradient check runs beside the training, unless make was told how many jobs to have.
jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j2)

# What was said on the command line.  It reaches the steps as environment variables, never as
# shell text, and $ is not make's in it.
said := RUN FROM CORPUS ENCODING SEED SEEDS PARAMS CHECK_PARAMS SAMPLE_PARAMS RUNS COMPARISON HANDIN FONTS
said += GRID SWEEP HALVING SCHEDULER TITLE AUTHOR DATE TEXT
titled := $(filter-out file,$(origin TITLE))
export NAMED := $(foreach name,RUN COMPARISON SWEEP,$(if $(filter-out file,$(origin $(name))),$(name)))
$(foreach name,$(said),$(eval override $(name) := $$(value $(name))))
export $(said)

# What the steps depend on: the code, by what it is for.
page := $(wildcard rnn/report/pages/*.* rnn/report/pages/templates/*.* rnn/report/pages/templates/*/*.*)
math := $(wildcard rnn/*.* rnn/kernels/*.* rnn/text/*.* rnn/runs/*.* rnn/analysis/*.*)
compared := $(math) $(wildcard rnn/report/*.* rnn/report/sections/*.* rnn/report/templates/*.*)
code := $(filter-out rnn/report/sections/runs% rnn/report/sections/sweep%,$(compared))
several := $(if $(filter compared,$(MAKECMDGOALS)),04_compare_runs)$(if $(filter swept,$(MAKECMDGOALS)),05_sweep)
steps   := $(or $(several),01_gradient_check 02_training_evolution 03_best_model_sampling)

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
# Dask's own settings, for TLS among others, are read as ever; its examples of them go here.
export DASK_CONFIG ?= $(cache)/dask/config
# JupyterLab asks npm, where there is one, for language servers.
export npm_config_cache := $(cache)/npm
export UV_CACHE_DIR := $(cache)/uv
export UV_PYTHON_DOWNLOADS := never
export PIP_NO_CACHE_DIR := 1
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONNOUSERSITE := 1
# Settings for other programs, which can only spoil what is made here.
unexport MPLBACKEND MATPLOTLIBRC NUMBA_NUM_THREADS PYPANDOC_PANDOC
export PYTHONPATH :=

# An active conda environment other than base is used as it is; else there is .venv.
ifneq ($(and $(CONDA_PREFIX),$(filter-out base,$(CONDA_DEFAULT_ENV))),)
python := $(CONDA_PREFIX)/bin/python
PYTHONPATH := $(CURDIR):$(cache)/rnn
else
python := .venv/bin/python
locked := .venv/installed.lock
endif

# Before the set-up, the first Python that is new enough.
pipeline = python="$(python)"; test -x "$$python" || for python in $(PYTHON) ""; do \
    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; \
    test "$$python" || { echo "set-up: expected Python 3.11 or newer, got $$(python3 --version 2>&1 | head -n 1); install one (Debian: apt install python3 python3-venv) or name it with PYTHON=" >&2; exit 1; }; \
    exec "$$python" -m rnn.pipeline "$(python)"
