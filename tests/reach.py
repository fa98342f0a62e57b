"""Does the fingerprint cover what a run executes, and nothing else? Each Part's tests ask this of its experiments.

    SMOKE=1 python reach.py PART_FOLDER PACKAGE

performs the first run of every experiment at toy size in PART_FOLDER, a copy, traces its calls, and prints as
JSON which functions and classes of the project ran that the fingerprint does not cover.
"""

import contextlib
import importlib
import json
import os
import sys
from pathlib import Path

KERNELS = {f"bfloat16.{name}" for name in ("linear", "conv2d", "product", "rounded")}  # in no fingerprint, on purpose


def executed(root, function, *arguments, **settings):
    """(what the function returns, the "module.name" of all definitions below `root` that it calls)."""
    codes = set()
    sys.settrace(lambda frame, *_: codes.add(frame.f_code))  # at each call; it returns None: no lines are traced
    try:
        result = function(*arguments, **settings)
    finally:
        sys.settrace(None)
    names = set()
    for code in codes:
        path, name = Path(code.co_filename), code.co_qualname.partition(".")[0]
        if path.is_relative_to(root) and not name.startswith("<"):
            names.add(".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") + f".{name}")
    return result, names - KERNELS


def uncovered(results, root):
    """{experiment: how many names its fingerprint covers, how many its first run executed, and which it lacks}."""
    from closure import definitions
    from runner import waves

    found = {}
    for name in (name for wave in waves(results, results.experiments) for name in wave):
        experiment = results.experiments[name]
        run, covered = first_run(results, name), definitions(experiment.perform)
        made, names = executed(root, experiment.perform, run.config)
        results.write(name, run, made, 0.0)
        found[name] = {"covered": len(covered), "executed": len(names), "missing": sorted(names - covered.keys())}
    return found


def first_run(results, name):
    """The first run of an experiment. If the list of runs depends on other experiments' results, those are made."""
    experiment = results.experiments[name]
    for other in experiment.after:
        with contextlib.suppress(artifacts.ArtifactError):
            list(experiment.runs())  # to the end, since only later ones may need results
            break
        for each in results.experiments[other].runs():
            if each.name not in results.records(other):
                results.write(other, each, results.experiments[other].perform(each.config), 0.0)
    return next(iter(experiment.runs()))


def check_that_what_is_executed_is_covered(folder, package, experiments):
    """`folder` is a copy of a Part."""
    from common import forked

    done = forked(__file__, folder, package, cwd=folder, env=os.environ | {"SMOKE": "1"})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == set(experiments)
    assert {name: said["missing"] for name, said in found.items() if said["missing"]} == {}
    assert all(said["executed"] > 1 for said in found.values())


def check_that_each_definition_within_reach_counts(folder, perform, monkeypatch, more_than):
    """Each definition in the sources of `folder`, a copy of a Part, is changed in turn: it gets another statement."""
    import closure

    modules = {}
    for path in sorted(folder.rglob("*.py")):
        module = closure.Module(path, folder)
        modules[module.name] = module
    monkeypatch.setattr(closure, "find_module", lambda name, root: modules.get(name))

    def reached():
        closure.closure.cache_clear()
        return closure.closure(perform.__module__, perform.__name__, folder)

    before, changed = reached(), {}
    for name, module in list(modules.items()):
        source = module.path.read_text(encoding="utf-8")
        for defined in module.defined.keys() - {closure.STATEMENTS}:
            module.path.write_text(f"{source}\n{defined} = {defined}\n", encoding="utf-8")
            modules[name] = closure.Module(module.path, folder)
            changed[f"{name}.{defined}"] = reached() != before
        modules[name] = module
    closure.closure.cache_clear()
    assert changed == {each: each in before for each in changed}
    assert more_than < sum(changed.values()) < len(changed)


if __name__ == "__main__":
    root, package = Path(sys.argv[1]).resolve(), sys.argv[2]
    sys.path.insert(0, str(root))
    study = importlib.import_module(f"{package}.experiments")
    import artifacts

    print(json.dumps(uncovered(study.RESULTS, root)))
