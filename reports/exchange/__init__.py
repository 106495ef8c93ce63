"""What leaves for other programs, and what comes from elsewhere.

metrics.py       runs with their metrics, as CSV and JSON
tensorboard.py   as TensorBoard's event files
wandb.py         as wandb's offline runs
names.py         the name of a run's folder among others
results.py       a CSV of numbers measured or published elsewhere
archive.py       a table's evidence in one file, and whether such a file is whole
evidence.py      which files of a workspace that is
"""
