"""Autobahn looks for a compiled package of this name, which does what costs it most. Nothing is compiled here: this one lets
the builtins of Python do it. All 517 cases take minutes with it and hours without."""
