"""The nouns of the `distribution` command; each speaks HTTP to a running house."""
