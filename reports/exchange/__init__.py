"""What leaves for other programs, and what comes from elsewhere. Nothing here prints.

    metrics.py       runs with their metrics, as CSV and JSON
    tensorboard.py   as TensorBoard's event files
    wandb.py         as wandb's offline runs
    names.py         what a run is called there
    results.py       numbers measured or published elsewhere, and sheet.py, the CSV that they stand in
    archive.py       a table's evidence in one file, and whether such a file is whole
    evidence.py      which files of a workspace that is
    readme.py        what such a file says of itself, and again.py, the commands that train its runs again

Histories are read from the run folders (`attnctl.lifecycle.run_history`), so that no index is needed; a CSV has those
runs from the index whose folders are as the index read them.
"""
