"""Which upstreams there are, and what each of them speaks.

In: the configured registries. Out: a catalog, kept current, with a state per upstream.

- ``registries``: say which candidates there are.
- ``detectors``: say what each candidate speaks.
"""
