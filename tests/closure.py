"""Does the fingerprint cover what a run executes? Each Part's tests ask this of every one of its experiments.

    SMOKE=1 python closure.py PART_FOLDER PACKAGE [SETTING=VALUE ...]

performs the first run of every experiment at toy size in PART_FOLDER, a copy, under Python's profiler, and prints as
JSON which functions and classes of the project ran that the fingerprint does not cover.
"""

import functools
import importlib
import json
import sys
from pathlib import Path


def executed(function, root):
    """(what function() returns, the "module.name" of all definitions below `root` that it calls)."""
    names = set()

    def profile(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(root) and frame.f_code.co_name != "<module>":
            module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            names.add((module, frame.f_code.co_qualname.partition(".")[0]))

    sys.setprofile(profile)
    try:
        return function(), names
    finally:
        sys.setprofile(None)


def uncovered(results, artifacts, root, settings):
    """{experiment: names that its first run executed and its fingerprint does not cover}, and how many it covers."""
    found = {}
    for name in results.in_order(results.experiments):
        experiment = results.experiments[name]
        run = next(iter(experiment.runs()))
        covered = artifacts.definitions(experiment.perform)
        made, names = executed(functools.partial(experiment.perform, run.config, **settings), root)
        results.write(name, run, made, 0.0)
        if any(name in other.after for other in results.experiments.values()):  # others read these results
            for each in experiment.runs():
                if each.name != run.name:
                    results.write(name, each, experiment.perform(each.config, **settings), 0.0)
        missing = [f"{m}.{n}" for m, n in sorted(names) if f"{m}.{n}" not in covered and not n.startswith("<")]
        found[name] = {"covered": len(covered), "executed": len(names), "missing": missing}
    return found


def mutants(path, root, name, artifacts):
    """(closure of `name` in the module at `path`, {definition: whether changing it alone changes that closure}).

    Each definition in the Part's sources below `root`, a copy, is changed in turn: it gets another statement.
    """

    parsed = artifacts.module_at.__wrapped__
    modules = {file: parsed(file, root) for file in sorted(root.rglob("*.py"))}
    artifacts.module_at = lambda file, _: modules[file]  # so that only the changed file is read again

    def fresh():
        artifacts.closure.cache_clear()
        return artifacts.closure(path, root, name)

    try:
        before, changed = fresh(), {}
        for file, module in list(modules.items()):
            source = file.read_text(encoding="utf-8")
            for defined in module.defined:
                file.write_text(f"{source}\n{defined} = {defined}\n", encoding="utf-8")
                modules[file] = parsed(file, root)
                changed[f"{module.name}.{defined}"] = fresh() != before
            file.write_text(source, encoding="utf-8")
            modules[file] = module
    finally:
        artifacts.module_at = functools.cache(parsed)
        artifacts.closure.cache_clear()
    return before, changed


if __name__ == "__main__":
    root, package = Path(sys.argv[1]).resolve(), sys.argv[2]
    sys.path.insert(0, str(root))
    study = importlib.import_module(f"{package}.experiments")
    settings = dict(argument.split("=", 1) for argument in sys.argv[3:])
    print(json.dumps(uncovered(study.RESULTS, sys.modules["artifacts"], root, settings)))
