"""The experiments of Part I and what is made from them.

python -m lstm_study list                           what there is, and what is done
python -m lstm_study all                            every run that is missing or outdated, on all cores
python -m lstm_study B1 --lengths 5 10 --seeds 0    a part of one experiment
python -m lstm_study claims                         the claims of published solutions, with verdicts
python -m lstm_study report                         what the report includes, into report/generated/part1
"""

import artifacts
import command
from lstm_study import experiments


def main(argv=None):
    parser = command.parser("lstm_study", __doc__)
    parser.add_argument("--lengths", type=int, nargs="+", help="only the runs with these T")
    args = command.parse(parser, argv, experiments.EXPERIMENTS)
    flags = {"--seeds": lambda run: run.config.get("seed"), "--lengths": lambda run: run.config.get("T")}
    command.run("lstm_study", experiments.RESULTS, args, flags)


if __name__ == "__main__":
    artifacts.script(main, "lstm_study")
