#!/usr/bin/env bash
# From a fresh clone to the verified zip. `./run_all.sh --help` says more; README.md says what the files are.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
usage: ./run_all.sh [STAGE ...] [options]      all stages, in this order, unless some are named
       ./run_all.sh test                       ruff, unit tests and the smoke run; no MNIST, no network once set up
       ./run_all.sh browser                    optional: the notebooks in JupyterLab and Chromium, which it installs

stages
  setup      Python environment (the active one, else .venv), requirements.txt, pandoc and LaTeX
  part1      the LSTM and RNN experiments                 -> Part1/results/
  part2      classifiers, every GAN, their quality        -> Part2/results/, images/, mnist_generator.pt
  notebooks  run top to bottom, then as PDF               -> Part1/task2.pdf, Part2/Part2.pdf
  report     numbers, tables, figures, LaTeX              -> report/report.pdf
  zip        the submission, unpacked elsewhere and re-run before it gets its name
                                                          -> <student>_assignment3.zip, VERIFIED.txt
options
  --retrain           train anew; else what is up to date is kept, and what was interrupted continues
  --smoke             every stage at toy size on bundled digits, in a scratch folder of its own
  --student NUMBER    student number: title page and name of the zip (studentnumber)
  --name "NAME"       name on the title page; Chinese characters are fine
  --data_root FOLDER  folder that holds MNIST/raw (Part2/dataset, filled by download when training needs it)
  --help              this text

The environment variable PYTHON names the interpreter to use instead of the active environment or .venv.
TEXT
}

fail() { # message, then a command or hint on a line of its own
  printf 'run_all.sh: %s\n' "$@" >&2
  exit 1
}

ALL="setup part1 part2 notebooks report zip"
stages="" retrain="" smoke="" student="studentnumber" name="" data_root=""
while [ $# -gt 0 ]; do
  case "$1" in
    setup | part1 | part2 | notebooks | report | zip | test | browser) stages="$stages $1" ;;
    --retrain) retrain="--retrain" ;;
    --smoke) smoke=1 ;;
    --student | --name | --data_root)
      [ $# -ge 2 ] || fail "$1 needs a value" "see ./run_all.sh --help"
      case "$1" in --student) student="$2" ;; --name) name="$2" ;; --data_root) data_root="$2" ;; esac
      shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown stage or option '$1'" "see ./run_all.sh --help" ;;
  esac
  shift
done
case "$student" in
  "" | *[!A-Za-z0-9_-]*) fail "--student is '$student'; expected letters, digits, '-' and '_' only: it names the zip" ;;
esac
if [ -n "$data_root" ]; then
  folder=$(cd "$called_from" && cd "$data_root" 2>/dev/null && pwd) ||
    fail "--data_root '$data_root' is not a folder; expected one that holds MNIST/raw"
  data_root=$folder
fi

# ---------------------------------------------------------------------------------------------------------- set-up

right_version() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

choose_python() { # sets PYTHON: as given, of the active environment, or of .venv, which is made
  case "${PYTHON:-}" in */*) PYTHON=$(cd "$called_from" && cd "$(dirname "$PYTHON")" && pwd)/${PYTHON##*/} ;; esac
  if [ -z "${PYTHON:-}" ]; then
    if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then
      PYTHON=$(command -v python) || fail "the active environment has no python"
    else
      if [ ! -x .venv/bin/python ]; then
        for base in python3 python3.12 python3.13 python3.11 ""; do
          [ -n "$base" ] || fail "no Python 3.11, 3.12 or 3.13 was found (python3 is $(python3 --version 2>&1))" \
            "install one (https://www.python.org/downloads/), or name it: PYTHON=/path/to/python ./run_all.sh"
          if right_version "$base"; then break; fi
        done
        "$base" -m venv .venv || { rm -rf .venv; fail "$base cannot make .venv" "on Debian: apt-get install python3-venv"; }
      fi
      PYTHON=$PWD/.venv/bin/python
    fi
  fi
  right_version "$PYTHON" || fail "$PYTHON is $("$PYTHON" --version 2>&1); expected Python 3.11, 3.12 or 3.13"
  export PYTHON
}

installed() { # whether what requirements.txt pins is installed
  "$PYTHON" - <<'TEXT'
import sys
from importlib import metadata

pins = [line.split("#")[0].strip() for line in open("requirements.txt")]
for name, version in (pin.split("==") for pin in pins if pin):
    try:
        found = metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        found = "missing"
    if found != version:
        sys.exit(1)
TEXT
}

missing_tools() {
  for tool in pandoc xelatex latexmk kpsewhich pdftotext; do command -v "$tool" >/dev/null || printf '%s ' "$tool"; done
  if command -v kpsewhich >/dev/null; then
    for file in xeCJK.sty FandolSong-Regular.otf booktabs.sty needspace.sty lmroman10-regular.otf; do
      [ -n "$(kpsewhich "$file")" ] || printf '%s ' "$file"
    done
  fi
}

DEBIAN="pandoc texlive-xetex texlive-latex-extra texlive-fonts-recommended texlive-plain-generic texlive-lang-chinese
  fonts-arphic-uming lmodern latexmk poppler-utils"

stage_setup() {
  if ! installed; then
    echo "installing requirements.txt into $("$PYTHON" -c 'import sys; print(sys.prefix)') (torch is large)"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check -r requirements.txt ||
      fail "pip could not install requirements.txt" "the message above says why; with no network, bring the packages along"
  fi
  local missing install
  missing=$(missing_tools)
  if [ -n "$missing" ]; then
    install=$(echo apt-get install -y --no-install-recommends $DEBIAN)
    [ "$(id -u)" = 0 ] || install="sudo $install"
    if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
      echo "installing pandoc and LaTeX (missing: $missing)"
      log=$(mktemp)
      { ${install%%apt-get*} apt-get update && DEBIAN_FRONTEND=noninteractive $install; } >"$log" 2>&1 </dev/null ||
        { tail -n 20 "$log" >&2; fail "installing failed; the end of its log is above" "$install"; }
      rm -f "$log"
      missing=$(missing_tools)
    fi
    [ -z "$missing" ] || fail "missing: $missing" "on Debian or Ubuntu install them with: $install" \
      "on macOS: brew install pandoc poppler && brew install --cask mactex-no-gui"
  fi
}

# ------------------------------------------------------------------------------------------------------- the stages

processes() { "$PYTHON" -c 'import os; print(os.cpu_count())'; }

stage_part1() {
  (
    cd Part1
    [ -t 2 ] || export TQDM_MININTERVAL=60 # a log wants fewer lines of progress than a terminal
    for experiments in all "shipped far"; do # the second are of the first one's median seeds
      OMP_NUM_THREADS=1 "$PYTHON" -m torch.distributed.run --nproc_per_node "$(processes)" \
        experiments.py $experiments $retrain
    done
    "$PYTHON" benchmark.py ${retrain:+--again}
  )
}

stage_part2() {
  set -- ${data_root:+--data_root "$data_root"}
  (
    cd Part2
    "$PYTHON" classifier.py $retrain "$@"
    [ -z "$retrain" ] || rm -rf runs
    TQDM_DISABLE=1 OMP_NUM_THREADS=1 "$PYTHON" -m torch.distributed.run --nproc_per_node "$(processes)" \
      gan_experiments.py all ${retrain:+--again} "$@"
    "$PYTHON" my_gan.py --resume "$@"
    "$PYTHON" evaluate.py $retrain "$@"
    "$PYTHON" gan_benchmark.py ${retrain:+--again} "$@"
  )
}

stage_notebooks() { "$PYTHON" report/submission.py notebooks --student "$student" --name "$name"; }

stage_report() { "$PYTHON" report/submission.py report --student "$student" --name "$name"; }

stage_zip() { "$PYTHON" report/submission.py zip --student "$student"; }

stage_test() {
  "$PYTHON" -m ruff check .
  "$PYTHON" -m ruff format --check .
  "$PYTHON" -m pytest -q
}

stage_browser() {
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -r tests/browser/requirements.txt ||
    fail "pip could not install tests/browser/requirements.txt" "the message above says why"
  [ -n "$(command -v chromium chromium-browser google-chrome)" ] || "$PYTHON" -m playwright install --with-deps chromium ||
    fail "Chromium is missing and could not be installed" "on Debian or Ubuntu: apt-get install chromium"
  "$PYTHON" -m pytest -q tests/browser
}

products() { # what a stage makes for the grader: removed before any stage starts, so that nothing old looks new
  case "$1" in
    notebooks) echo Part1/task2.pdf Part2/Part2.pdf ;;
    report) echo report/report.pdf ;;
    zip) echo "${student}_assignment3.zip" VERIFIED.txt ;;
  esac
}

run_stage() {
  local started=$SECONDS status
  echo "== $1: started"
  set +e # in a condition, bash would ignore the stage's own -e
  (set -e; "stage_$1")
  status=$?
  set -e
  [ $status = 0 ] || fail "stage $1 failed (status $status) after $((SECONDS - started)) s; its reason is above"
  echo "== $1: done in $((SECONDS - started)) s"
}

if [ -d .out_of_reach ]; then # a verification was killed while it held the checkout's folders away
  { mv .out_of_reach/* . && rmdir .out_of_reach; } ||
    fail ".out_of_reach holds folders of a verification that was killed, and others are in their place" \
      "compare them, keep the right ones, and remove .out_of_reach"
fi
choose_python
if [ -n "$smoke" ]; then
  run_stage setup
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/smoke-XXXXXX")
  tar -cf - --exclude=results --exclude=images --exclude=runs --exclude=MNIST --exclude=generated --exclude='*.pt' \
    --exclude='*.pdf' --exclude=__pycache__ README.md requirements.txt run_all.sh pyproject.toml Part1 Part2 report tests |
    tar -xf - -C "$scratch"
  echo "smoke run in $scratch"
  unset retrain smoke
  SMOKE=1 exec bash "$scratch/run_all.sh" ${stages:-part1 part2 notebooks report zip} --student "$student" --name "$name"
fi
for alone in test browser; do
  case "$stages" in
    " $alone") stages="setup $alone" ;;
    *$alone*) fail "$alone runs alone" "see ./run_all.sh --help" ;;
  esac
done
stages=${stages:-$ALL}
case "$stages" in *setup*) ;; *) installed || fail "requirements.txt is not installed" "run: ./run_all.sh setup" ;; esac
case "$stages" in *setup*) run_stage setup ;; esac
for stage in $stages; do rm -f $(products "$stage"); done
for stage in $stages; do [ "$stage" = setup ] || run_stage "$stage"; done
echo "== all done in $SECONDS s"
