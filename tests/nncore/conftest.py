import os

import matplotlib as mpl

# Read when SciPy is first imported: scikit-learn's checks of array types need it.
os.environ["SCIPY_ARRAY_API"] = "1"
mpl.use("Agg")
