"""A package, because one of the oracles installs a package of this name."""
