"""Figures: what is drawn as plain values, one file per kind that draws it with matplotlib, and saving.

`charts` makes the values from runs; `save` writes them as PDF, SVG or PNG; `page` gives drawings for the HTML report.
"""
