"""The doctests of every module, as unit tests: `python3 -m unittest edge.test_edge` in benches/."""

import doctest
import importlib
import pkgutil
import unittest

import edge


def load_tests(_loader, tests, _pattern):
    """Finds them for unittest."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for found in pkgutil.walk_packages(edge.__path__, "edge."):
        if not found.name.endswith("__main__"):
            tests.addTests(doctest.DocTestSuite(importlib.import_module(found.name), test_finder=finder))
    return tests


if __name__ == "__main__":
    unittest.main()
