"""Artifacts -> report/generated/: all numbers, tables and figures of report.tex; a missing or stale one is an error.

python report/generate.py [--student NUMBER] [--name "NAME"]
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

import matplotlib as mpl
import quantities  # before what follows: it puts both Parts on the path
import readme
import torch

import artifacts
import claims
import figures
import gan_claims
import gan_figures
import inside_figures
import my_gan
import tables

HERE = Path(__file__).resolve().parent
GENERATED = HERE / "generated"
DEFAULT = {"lstm": "torch's default", "rnn": "torch's default"}
PUBLISHED = {"lstm": "forget bias 1", "rnn": "torch's default"}
FIGURES = {
    "trap": figures.trap,
    "defaults": figures.defaults,
    "A1": lambda: figures.curves("A1", DEFAULT, log=False, training=True),
    "B1": lambda: figures.curves("B1", PUBLISHED),
    "by_length": figures.by_length,
    "C1": figures.C1,
    "curriculum": figures.curriculum,
    "D1": lambda: figures.curves("D1", PUBLISHED, training=True),
    "updates": figures.updates,
    "gates": inside_figures.gates,
    "memory": inside_figures.memory,
    "speed": figures.speed,
    "milestones": gan_figures.milestones,
    "series": gan_figures.series,
    "losses": gan_figures.losses,
    "by_recipe": gan_figures.by_recipe,
    "distances": gan_figures.distances,
    "shares": lambda: gan_figures.shares(width=3.1),
    "ablation": lambda: gan_figures.ablation(width=3.1),
    "nearest": gan_figures.nearest,
    "strip": gan_figures.strip,
    "paths": lambda: gan_figures.paths(width=3.1),
    "gan_speed": lambda: gan_figures.speed(width=3.1),
}


def thousands(text):
    """1,000 so that LaTeX sets no space after the comma where it is mathematics."""
    return re.sub(r"(?<=\d),(?=\d{3})", "{,}", text)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="studentnumber", help="student number, for the title page")
    parser.add_argument("--name", default="", help="name, for the title page")
    args = parser.parse_args(argv)
    values = {"Author": tables.escape(" ".join(filter(None, (args.name, args.student)))), **quantities.numbers()}
    z = torch.zeros(2, my_gan.record()["config"]["latent_dim"])
    with torch.no_grad():
        made = {
            "parameters": tables.parameter(),
            "recipes": tables.recipe(),
            "optimisers": tables.optimisers(),
            "accuracy": tables.accuracy(),
            "sizes": tables.sizes(),
            "trap": tables.trap(),
            "records": tables.records(),
            "walls": tables.wall(),
            "claims": tables.verdicts(claims.table()),
            "speed": tables.speed(),
            "generator": tables.layer(my_gan.Generator(z.shape[1]), z),
            "discriminator": tables.layer(my_gan.Discriminator(), torch.zeros(2, 784)),
            "ganrecipes": tables.gan_recipes(),
            "quality": tables.quality(),
            "ganclaims": tables.verdicts(gan_claims.table(), long=False),
        }
    page = HERE.parent / "README.md"
    text = page.read_text(encoding="utf-8")
    if (filled := readme.fill(text)) != text:
        with artifacts.atomic(page) as temporary:
            temporary.write_text(filled, encoding="utf-8")
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir()
    commands = [f"\\newcommand{{\\{name}}}{{{thousands(str(value))}}}" for name, value in values.items()]
    (GENERATED / "numbers.tex").write_text("\n".join(commands) + "\n", encoding="utf-8")
    for name, table in made.items():
        (GENERATED / f"table_{name}.tex").write_text(thousands(table), encoding="utf-8")
    with mpl.rc_context({"pdf.fonttype": 42, "font.size": 9}):
        for name, draw in FIGURES.items():
            fig = draw()
            fig.savefig(GENERATED / f"{name}.pdf", dpi=300, metadata={"CreationDate": None})
            if name == "updates":
                fig.savefig(HERE / "updates.png", dpi=150)  # for the README
            mpl.pyplot.close(fig)


if __name__ == "__main__":
    mpl.use("agg")
    try:
        main()
    except artifacts.ArtifactError as error:
        sys.exit(f"generate.py: {error}")
