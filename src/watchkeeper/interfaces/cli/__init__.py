"""The command line: everything that the page can do, also with the web down."""
