"""The page: what people see of the house, rendered here and alive by itself.

`sheets.py` gathers what a sheet shows, `rendering.py` turns it into HTML; `routes/page.py` and `routes/page_actions.py`
are its doors. Everything it needs lies in `static/`: no other host is ever asked.
"""
