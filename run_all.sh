#!/usr/bin/env bash
# From a fresh clone to the verified zip. `./run_all.sh --help` says more; README.md says what the files are.
set -euo pipefail
unset CDPATH # with it, `cd` could go to another folder of the same name
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
usage: ./run_all.sh [STAGE ...] [options]      all stages, in this order, unless some are named
       ./run_all.sh test                       ruff, all tests and the smoke run; no MNIST, no network once set up
       ./run_all.sh browser                    optional: notebooks and pages in JupyterLab and Chromium, which it installs

stages
  setup      Python environment (the active one, else .venv), requirements.txt, pandoc and LaTeX
  part1      the LSTM and RNN experiments                 -> Part1/results/
  part2      classifiers, every GAN, their quality        -> Part2/results/, images/, mnist_generator.pt
  notebooks  run top to bottom, then as PDF               -> Part1/task2.pdf, Part2/Part2.pdf
  report     numbers, tables, figures, LaTeX              -> report/generated/, report/report.pdf
  readme     the table of results and the picture         -> README.md, report/race.png
  zip        the submission, unpacked elsewhere and re-run before it gets its name; builds what is stale
                                                          -> <student>_assignment3.zip, VERIFIED.txt
options
  --retrain           train anew; else what is up to date is kept, and what was interrupted continues
  --smoke             every stage at toy size on bundled digits, in a scratch folder of its own
  --student NUMBER    student number: title page and name of the zip (studentnumber)
  --name "NAME"       name on the title page, printed as given; Chinese characters are fine
  --data_root FOLDER  folder that holds MNIST/raw (Part2/dataset, filled by download when training needs it)
  --no-system         never install system packages: pandoc and LaTeX must be there, or no PDF is made
  --help              this text

The environment variable PYTHON names the interpreter to use instead of the active environment or .venv.
TEXT
}

fail() { # message, then a command or hint on a line of its own
  printf 'run_all.sh: %s\n' "$@" >&2
  exit 1
}

ALL="setup part1 part2 notebooks report readme zip"
stages="" retrain="" smoke="" system=1 student="studentnumber" name="" data_root=""
while [ $# -gt 0 ]; do
  case "$1" in
    setup | part1 | part2 | notebooks | report | readme | zip | test | browser) stages="$stages $1" ;;
    --retrain) retrain="--retrain" ;;
    --smoke) smoke=1 ;;
    --no-system) system="" ;;
    --student | --name | --data_root)
      [ $# -ge 2 ] || fail "$1 needs a value" "see ./run_all.sh --help"
      case "$1" in --student) student="$2" ;; --name) name="$2" ;; --data_root) data_root="$2" ;; esac
      shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown stage or option '$1'" "see ./run_all.sh --help" ;;
  esac
  shift
done
for alone in test browser; do
  case "$stages" in
    " $alone") stages="setup $alone" ;;
    *" $alone"*) fail "$alone runs alone" "see ./run_all.sh --help" ;;
  esac
done
case "$student" in
  setup | part1 | part2 | notebooks | report | readme | zip | test | browser)
    fail "--student is '$student', which is a stage" "a value must follow --student" ;;
esac
check_student() ( # report/build.py asks the same; here it costs no time
  LC_ALL=C # where letters are those of ASCII alone
  case "$student" in
    "" | -* | *[!A-Za-z0-9_-]*)
      fail "--student is '${student:0:50}'; expected letters, digits, '-' and '_' only, no '-' first: it names the zip" ;;
  esac
  [ ${#student} -le 40 ] || fail "--student has ${#student} characters; expected at most 40: it names the zip"
)
check_student
if [ -n "$data_root" ]; then
  case "$data_root" in /*) folder=$data_root ;; *) folder=$called_from/$data_root ;; esac
  folder=$(cd "$folder" 2>/dev/null && pwd) ||
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
  for tool in pandoc xelatex latexmk kpsewhich pdftotext pdfinfo pdftoppm; do
    command -v "$tool" >/dev/null || printf '%s ' "$tool"
  done
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
  # matplotlib makes its font cache now, with a message that would look like a fault of a notebook later
  "$PYTHON" -c "import matplotlib.font_manager" 2> /dev/null || true
  local missing install
  missing=$(missing_tools)
  [ -n "$missing" ] || return 0
  install=$(echo apt-get install -y --no-install-recommends $DEBIAN)
  [ "$(id -u)" = 0 ] || install="sudo $install"
  if [ -n "$system" ] && command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    echo "installing pandoc and LaTeX (missing: $missing)"
    log=$(mktemp)
    { ${install%%apt-get*} apt-get update && DEBIAN_FRONTEND=noninteractive $install; } >"$log" 2>&1 ||
      { tail -n 20 "$log" >&2; fail "installing failed; the end of its log is above" "$install"; }
    rm -f "$log"
    missing=$(missing_tools)
  fi
  [ -n "$missing" ] || return 0
  set -- "missing: $missing" "on Debian or Ubuntu install them with: $install" \
    "on macOS: brew install pandoc poppler && brew install --cask mactex-no-gui"
  case " $stages " in
    *" notebooks "* | *" report "* | *" zip "* | *" test "*) fail "$@" ;;
    *) printf 'run_all.sh: %s\n' "$@" >&2 ;; # the other stages do without
  esac
}

# ------------------------------------------------------------------------------------------------------- the stages

stage_part1() {
  cd Part1
  "$PYTHON" -m lstm_study all $retrain
}

stage_part2() {
  cd Part2
  "$PYTHON" -m gan_study all $retrain ${data_root:+--data_root "$data_root"}
}

build() { "$PYTHON" report/build.py "$1" --student="$student" --name="$name"; }

stage_notebooks() { build notebooks; }

stage_report() { build report; }

stage_readme() { "$PYTHON" report/readme.py; }

stage_zip() { build zip; }

stage_test() { # three processes side by side: Part 1's tests and then the bundle's, Part 2's, those of all stages
  local logs name failed=""
  "$PYTHON" -m ruff check .
  "$PYTHON" -m ruff format --check .
  logs=$(mktemp -d)
  trap "rm -rf '$logs'" EXIT
  export OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES=""
  tested() { # name, what to test
    if "$PYTHON" -m pytest -q -p no:cacheprovider "${@:2}" >"$logs/$1" 2>&1; then touch "$logs/$1.passed"; fi
  }
  (tested part1 tests/part1; tested bundle tests/bundle --ignore tests/bundle/test_all_stages.py) &
  tested part2 tests/part2 &
  tested stages tests/bundle/test_all_stages.py &
  wait
  for name in part1 part2 stages bundle; do cat "$logs/$name" || true; done
  for name in part1 part2 stages bundle; do
    printf '== %-6s %s\n' "$name" "$(tail -n 1 "$logs/$name" || true)"
    [ -f "$logs/$name.passed" ] || failed="$failed $name"
  done
  [ -z "$failed" ] || fail "tests failed in:$failed"
}

stage_browser() {
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -r tests/browser/requirements.txt ||
    fail "pip could not install tests/browser/requirements.txt" "the message above says why"
  [ -n "$(command -v chromium chromium-browser google-chrome)" ] || "$PYTHON" -m playwright install --with-deps chromium ||
    fail "Chromium is missing and could not be installed" "on Debian or Ubuntu: apt-get install chromium"
  "$PYTHON" -m pytest -q tests/browser
}

stage="" group=""

stop() { # name of the signal, exit status
  trap '' INT TERM HUP
  if [ -n "$group" ]; then
    kill -TERM -- "-$group" 2>/dev/null || true
    for _ in {1..100}; do
      kill -0 -- "-$group" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$group" 2>/dev/null || true
  fi
  printf 'run_all.sh: stopped by %s%s; results that were complete are kept; to go on: ./run_all.sh %s\n' \
    "$1" "${stage:+ in stage $stage}" "$stage" >&2
  exit "$2"
}

run_stage() {
  local started=$SECONDS status=0
  stage=$1
  echo "== $stage: started"
  set -m # a process group of its own, which a signal can end as a whole
  (set +m; trap - INT TERM HUP; "stage_$stage") </dev/null &
  group=$!
  set +m
  wait "$group" || status=$?
  group=""
  [ $status = 0 ] || fail "stage $stage failed (status $status) after $((SECONDS - started)) s; its reason is above"
  echo "== $stage: done in $((SECONDS - started)) s"
  stage=""
}

trap 'stop Ctrl-C 130' INT
trap 'stop SIGTERM 143' TERM
trap 'stop SIGHUP 129' HUP
choose_python
if [ -n "$smoke" ]; then
  run_stage setup
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/smoke-XXXXXX")
  { # GNU tar ends with 1 if a folder changes meanwhile: where tests run, __pycache__ appears
    tar -cf - --exclude=results --exclude=images --exclude=runs --exclude=MNIST --exclude=generated --exclude=.build \
      --exclude='*.pt' --exclude='*.pdf' --exclude=__pycache__ \
      README.md requirements.txt run_all.sh pyproject.toml Part1 Part2 report tests ||
      { [ $? = 1 ] && tar --version | grep -q GNU; }
  } | tar -xf - -C "$scratch"
  echo "smoke run in $scratch"
  unset retrain smoke
  SMOKE=1 exec bash "$scratch/run_all.sh" ${stages:-part1 part2 notebooks report readme zip} \
    --student "$student" --name "$name"
fi
stages=${stages:-$ALL}
case " $stages " in
  *" setup "*) run_stage setup ;;
  *) installed || fail "requirements.txt is not installed" "run: ./run_all.sh setup" ;;
esac
case " $stages " in *" notebooks "* | *" report "* | *" zip "*) build check ;; esac # before hours of work
for each in $stages; do [ "$each" = setup ] || run_stage "$each"; done
echo "== all done in $SECONDS s"
