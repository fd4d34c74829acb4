"""ttscache alone: a Django project that has neither `narratives` nor `lifereview`.

    python -m harness.without_narratives

opens each of its staff pages and fails if a page fails or asks for a missing static file.
"""
