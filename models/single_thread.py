"""Holds numpy's linear algebra to one thread; import it before numpy.

A sum split over several threads is rounded differently from a sum on one, and the number of
threads follows the number of cores. On one thread, a rerun gives the same bytes.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
