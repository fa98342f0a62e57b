"""The study around the assignment: what was run with the networks of this folder's parent, and what came out of it.

    python -m lstm_study --help

experiments.py says which runs there are, perform.py what a run does, training.py how a network is trained in it;
summaries.py reads the results; claims.py, figures.py, tables.py and widgets.py show them; report.py writes what the
report includes. fast_lstm.py has the networks of lstm.py and vanilla_rnn.py, faster; inside.py,
inside_figures.py and proof.py look into trained ones.
"""

import sys
from pathlib import Path

# the one place where Part I touches the path: report/ holds artifacts.py and tables.py for both Parts
sys.path.append(str(Path(__file__).resolve().parents[2] / "report"))
