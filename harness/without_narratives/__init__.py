"""ttscache alone: a Django project that has neither `narratives` nor `lifereview`.

    python -m harness.without_narratives

opens each of its staff pages and fails where one does, or where one asks for a file that is not there.
"""
