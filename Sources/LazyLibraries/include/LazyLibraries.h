// Nothing to call: what LazyLibraries.c defines are the libraries' own functions.
