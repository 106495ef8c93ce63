"""The statistics of comparisons. The tests are chosen before the data are seen: nothing here looks at values to choose.

means.py       mean, spread and interval of one row
gains.py       the difference of two rows, paired by seed or not, with its interval
sign_flip.py   the exact test of paired differences, and how many pairs it needs
needed.py      how many seeds a question needs
per_image.py   two networks of several seeds on the same images

scipy is imported when a figure needs it.
"""
