"""What people and programs read: one file per question, folded from the log (D13).

A view is a module: `table` says by which columns it is asked, `keys` which documents a fact concerns, `initial` and
`evolve` what it means for one of them, `columns` what the table keeps beside it. `fold.py` keeps them all up to date.
"""
