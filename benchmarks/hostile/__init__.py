"""What hostile clients do, and what bad days bring: the cases of `benchmarks.hostile_bench`."""
