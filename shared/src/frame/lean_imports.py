"""Keeps out of a service's process what libraries import for a feature that no service uses.

TA-Lib imports pandas, if it can, to accept its series: 80 MB and a second. httpx imports pygments and rich, if it can,
for a command line: 3 MB. Import this first in a service's main that uses one of them.
"""

import sys

for _name in ("pandas", "pygments"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # the documented way to make an import fail
