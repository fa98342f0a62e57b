"""Experiments on my_gan.py: recipes and ablations trained, measured, tabulated and drawn.

python -m gan_study --help
"""

import recipes  # noqa: F401 (it puts report/ on the path, for artifacts, and makes bfloat16 products fast)
