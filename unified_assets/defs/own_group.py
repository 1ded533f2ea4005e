"""What the fork server of a command imports first: it leaves the process group of the terminal, and the steps forked from it with it.

Ctrl-C in a terminal goes to a whole group. A step that ends of it while the executor is about to tell it to end leaves the executor waiting
forever (`multiprocessing.Event.set` waits for every process that it saw waiting). So only the command hears it, and tells its steps;
when the command is gone, `watchdog` ends them.
"""

import os
import sys
from contextlib import suppress

if any("multiprocessing.forkserver" in word for word in sys.orig_argv):
    with suppress(OSError):  # it leads a session already
        os.setpgid(0, 0)
