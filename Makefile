# `make demo` and `make test` need nothing but Python 3.11+ and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-fast test-nemo fuzz check bench clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

# Two levels: what the demo needs is small; the tests need every engine.
$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[offline]"
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) "torch==2.13.0"
	$(PIP) -e ".[dev,qwen,nvidia,asian]"
	$(PIP) -e ".[gguf]" || echo "no wheel of crispasr for this platform; its tests skip themselves"
	$(PIP) -e ".[mlx]" || echo "no wheel of mlx for this platform; its tests skip themselves"
	touch $@ $(VENV)/demo.stamp

demo: $(VENV)/demo.stamp
	HF_HUB_OFFLINE=1 $(BIN)/crisp-align samples/jfk.wav -osrt -ml 1
	cat samples/jfk.srt

test: $(VENV)/dev.stamp $(VENV)-nemo/dev.stamp
	$(BIN)/python -m pytest -n auto --dist loadgroup
	$(MAKE) test-nemo

# What needs no torch, no speech model and no browser, in an environment without them: for the hand that is writing.
$(VENV)-fast/dev.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-fast
	$(VENV)-fast/bin/python -m pip install --quiet -c constraints.txt -e ".[test]"
	touch $@

test-fast: $(VENV)-fast/dev.stamp
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(VENV)-fast/bin/python -m pytest -n 2 -m "not slow and not engine and not browser"

# NeMo is 150 packages and 2.2 GB: it has an environment of its own, and a target that runs its tests alone.
$(VENV)-nemo/dev.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-nemo
	$(VENV)-nemo/bin/python -m pip install --quiet -c constraints.txt "torch==2.13.0"
	$(VENV)-nemo/bin/python -m pip install --quiet -c constraints.txt -e ".[test,nemo]"
	touch $@

test-nemo: $(VENV)-nemo/dev.stamp
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(VENV)-nemo/bin/python -m pytest tests/backends/test_nemo.py

# The properties over examples that nobody has seen yet; `make test` takes the same ones each time.
fuzz: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n auto -m hypothesis --hypothesis-profile=search

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.throughput --hours 3
	$(BIN)/python -m benchmarks.layout

clean:
	rm -rf $(VENV) $(VENV)-fast $(VENV)-nemo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
