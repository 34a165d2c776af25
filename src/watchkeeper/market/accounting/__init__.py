"""The books as an accountant reads them: entries as double postings, statements, CSV and a plain-text journal."""
