"""Keeps pandas out of this process: TA-Lib imports it, if it can, to accept its series, which costs 80 MB and a second.

Import this before TA-Lib. Nothing the service computes is a pandas series.
"""

import sys

sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]  # the documented way to make an import fail
