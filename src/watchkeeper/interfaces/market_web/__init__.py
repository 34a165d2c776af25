"""The market over HTTP: `/v1` for programs, enrolment as a page."""
