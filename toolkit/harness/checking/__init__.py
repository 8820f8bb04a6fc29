"""Checking: each criterion's check is run in a box of its own, and what came of it is graded.

The app that was built is started in the box, anew for every criterion: what one check does to it no
other sees, in whatever order they come. Requests are sent, a Chromium is driven and a database is
read by programs of ours inside the box (inside_http.py, inside_browser.py, inside_sqlite.py); what
they saw comes out as JSON, and is graded outside by pure functions. A check that could not be made
is unscored, and never passes.

Computer use, by which a model looks at the screen and moves the mouse, is out of scope: a browser
follows the steps of the contract, and nothing else.
"""

from toolkit.harness.checking.criteria import check_criterion

__all__ = ["check_criterion"]
