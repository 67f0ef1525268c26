"""The far side of the table: simulated channels that answer as the real ones do, and keep their own books.

    world.py       one answer to one request: weather before it, the dialect, weather after it; free of IO
    linkedin.py …  what each API answers, in its own dialect: a refusal here is a refusal there
    control.py     the routes a script turns the weather and the clock with
    server.py      the same world over HTTP, at `/<host>/<path>`, so egress only puts its address in front

A blog's site is `https://<account>.sites.sandbox`; over HTTP the same site also answers at `/sites/<account>/`.
`GET /sandbox/blog/key?account=<account>` gives the key its owner would type. Whoever follows an authorize address
consents at once, and `state` says for whom: `<account>.…`, or `<account>.<channel>.<label>.…` for a second connection.
"""
