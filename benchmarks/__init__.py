"""Figures of Worldloom, each beside what it is compared with: `python -m benchmarks [NAME]`, or `make bench ONLY=NAME`.

One line a figure: `name | value | unit | against | goal | ok`, or `short` at the end where the goal is missed; the exit
code is 0 when all are ok, 1 when one is short, 2 when a name is unknown. To add figures, add a module to this folder
with `FIGURES`, a mapping of names to functions that measure and give `benchmarks.figure.Figure`s; nothing else lists
it.
What a figure is compared with is measured in the same run, or is the machine (`2 cores`).
"""
