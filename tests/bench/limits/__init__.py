"""The bare limits. Nothing here imports anything of ours; each file is one row's limit, in 60 lines or fewer."""
