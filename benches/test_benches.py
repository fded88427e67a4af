"""The doctests of every module, as unit tests: `python3 -m unittest test_benches` in benches/."""

import doctest
import importlib
import pkgutil
import unittest

import edge
import engine


def load_tests(_loader, tests, _pattern):
    """Finds them for unittest."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for package in (edge, engine):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                tests.addTests(doctest.DocTestSuite(importlib.import_module(found.name), test_finder=finder))
    return tests


if __name__ == "__main__":
    unittest.main()
