"""How fast a bundle is (`measure`), or whether it is faster than another (`compare`).

Nothing is imported here: the process whose start is timed imports a module of this package.
"""
