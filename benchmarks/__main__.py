"""All benchmarks, one after the other."""

import platform

from benchmarks import online, training

print(f"Python {platform.python_version()} on {platform.machine()}")
online.run()
training.run()
