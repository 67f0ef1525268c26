"""The demo: a week of approved posts played through the whole house, and the report that judges it."""
